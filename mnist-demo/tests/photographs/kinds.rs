//! The kinds of pictures, each with its random variations.

use std::f32::consts::TAU;

use super::scene::{Desk, Frame, Light, Scene, Seed, Speck};

/// Makes a scene of a kind.
pub type Kind = fn(&mut Seed) -> Scene;

/// A digit on a background with grey levels, dark on light or light on dark.
fn ground(seed: &mut Seed, sides: &[u32]) -> Scene {
    let dark_on_light = seed.choose(&[true, false]);
    let (light, dark) = (seed.between(0.8, 1.0), seed.between(0.05, 0.25));
    let (paper, ink) = if dark_on_light { (light, dark) } else { (dark, light) };
    Scene { paper, ink, ..Scene::plain(seed.choose(sides), true) }
}

/// A frame at the edge of the picture or near it, around the digit's 28 × 28 pixels.
pub fn frame(seed: &mut Seed) -> Scene {
    framed(seed, &[28, 40, 64, 100, 200, 400, 600])
}

fn framed(seed: &mut Seed, sides: &[u32]) -> Scene {
    let scene = ground(seed, sides);
    let side = scene.side as f32;
    let thickness = seed.between(1.0, (side / 14.0).clamp(1.0, 8.0) + 0.99) as u32;
    let inset = seed.between(-side / 20.0, side / 20.0).max(0.0) as u32;
    let margin = (inset + thickness) as f32 / side;
    Scene { frame: Frame { inset, thickness }, digit: (margin, margin, 1.0 - 2.0 * margin), ..scene }
}

/// The digit's box in the middle part of the picture.
fn apart(seed: &mut Seed, scene: Scene) -> Scene {
    let size = seed.between(0.5, 0.85);
    let digit = (seed.between(0.0, 1.0 - size), seed.between(0.0, 1.0 - size), size);
    Scene { digit, ..scene }
}

/// A light sheet on a dark desk, not in the middle, rotated a little.
pub fn desk(seed: &mut Seed) -> Scene {
    let half = (seed.between(0.28, 0.42), seed.between(0.28, 0.42));
    let rotation = seed.choose(&[0.0, 1.0]) * seed.between(-0.2, 0.2);
    let mut offset = |half: f32| 0.5 + seed.between(-1.0, 1.0) * (0.47 - half).max(0.0);
    let centre = (offset(half.0), offset(half.1));
    let scene = Scene { paper: seed.between(0.75, 1.0), ink: seed.between(0.02, 0.25), ..Scene::plain(0, true) };
    let shade = seed.between(0.02, 0.35);
    let size = 2.0 * half.0.min(half.1) * seed.between(0.55, 0.85);
    let digit = (centre.0 - size / 2.0, centre.1 - size / 2.0, size);
    let desk = Some(Desk { centre, half, rotation, shade });
    Scene { side: seed.choose(&[100, 200, 400, 600]), digit, desk, ..scene }
}

/// The same with dark and light exchanged: a dark sheet on a light desk.
pub fn slate(seed: &mut Seed) -> Scene {
    let mut scene = desk(seed);
    (scene.paper, scene.ink) = (1.0 - scene.paper, 1.0 - scene.ink);
    scene.desk = scene.desk.map(|desk| Desk { shade: 1.0 - desk.shade, ..desk });
    scene
}

fn lit(seed: &mut Seed, scene: Scene) -> Scene {
    // The dark side of the sheet is as dark as the ink, or the background, on its light side.
    let (dark, light) = (scene.paper.min(scene.ink), scene.paper.max(scene.ink));
    let weakest = (dark / light * seed.between(0.9, 1.3)).max(0.1);
    Scene { light: Some(Light { direction: seed.between(0.0, TAU), weakest }), ..scene }
}

/// Light from a random side.
pub fn light(seed: &mut Seed) -> Scene {
    let scene = ground(seed, &[56, 100, 200, 400, 600]);
    let scene = apart(seed, scene);
    lit(seed, scene)
}

fn specked(seed: &mut Seed, scene: Scene) -> Scene {
    let mut specks = Vec::new();
    for _ in 0..seed.choose(&[1, 1, 2, 3]) {
        let mut near = |high: bool| {
            let offset = seed.between(0.01, 0.05);
            if high { 1.0 - offset } else { offset }
        };
        let corner = [near(false), near(true)];
        let centre = (seed.choose(&corner), seed.choose(&corner));
        let radius = seed.between(0.3, 2.0) / scene.side.min(100) as f32;
        specks.push(Speck { centre, radius });
    }
    Scene { specks, ..scene }
}

/// Dirt in the corners.
pub fn speck(seed: &mut Seed) -> Scene {
    let scene = ground(seed, &[28, 40, 64, 100, 200, 400, 600]);
    let scene = if scene.side > 40 { apart(seed, scene) } else { scene };
    specked(seed, scene)
}

/// A frame, and light from one side.
pub fn frame_and_light(seed: &mut Seed) -> Scene {
    let scene = framed(seed, &[64, 100, 200, 400, 600]);
    lit(seed, scene)
}

/// Light from one side, and dirt.
pub fn light_and_speck(seed: &mut Seed) -> Scene {
    let scene = light(seed);
    specked(seed, scene)
}

/// A sheet on a desk, with dirt in the sheet's corners.
pub fn desk_and_speck(seed: &mut Seed) -> Scene {
    let scene = desk(seed);
    let Desk { centre, half, rotation, .. } = scene.desk.expect("there is a desk");
    let (across, along) = (seed.choose(&[-0.9, 0.9]) * half.0, seed.choose(&[-0.9, 0.9]) * half.1);
    let (sine, cosine) = rotation.sin_cos();
    let position = (centre.0 + cosine * across - sine * along, centre.1 + sine * across + cosine * along);
    let specks = vec![Speck { centre: position, radius: seed.between(0.004, 0.015) }];
    Scene { specks, ..scene }
}

/// A sheet on a desk in light from one side.
pub fn desk_and_light(seed: &mut Seed) -> Scene {
    let scene = desk(seed);
    let weakest = seed.between(0.35, 0.6);
    Scene { light: Some(Light { direction: seed.between(0.0, TAU), weakest }), ..scene }
}

/// Noise, as from a camera in the dark.
pub fn noise(seed: &mut Seed) -> Scene {
    let scene = ground(seed, &[56, 100, 200, 400, 600]);
    let scene = apart(seed, scene);
    Scene { noise: seed.between(0.03, 0.1), ..scene }
}

/// A strongly compressed JPEG.
pub fn compression(seed: &mut Seed) -> Scene {
    let scene = ground(seed, &[56, 100, 200, 400]);
    let scene = apart(seed, scene);
    Scene { jpeg: Some(seed.choose(&[20, 50, 80])), ..scene }
}

/// A random kind of a camera's pictures, noisy and compressed.
pub fn photograph(seed: &mut Seed) -> Scene {
    let kind: Kind = seed.choose(&[light as Kind, desk, desk_and_light, light_and_speck, frame_and_light]);
    let scene = kind(seed);
    Scene { noise: seed.between(0.01, 0.03), jpeg: Some(seed.choose(&[50, 75, 90])), ..scene }
}
