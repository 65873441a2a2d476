//! The state of an optimizer that is shared out, as a whole.

use std::collections::HashSet;

use autograd::{Float, StateError};

use super::{Part, Sharded};
use crate::optimizer::{Optimizer, ParameterState};
use crate::parallel::agree::gather_texts;
use crate::parallel::layout::{Cut, Member};

/// The state that the ranks' optimizers have of one parameter, put together.
#[derive(Clone, Debug, PartialEq)]
pub struct WholeState<T> {
    /// The parameter's name.
    pub name: String,
    /// How many steps it has taken.
    pub step: u64,
    /// The values of each slot by its name, as many as the parameter has elements, or one if it is of the whole
    /// parameter; no slots before the first step.
    pub slots: Vec<(String, Vec<T>)>,
}

impl<T: Float, O: Optimizer<T>> Sharded<T, O> {
    /// The state of all parameters, put together of the ranks' pieces, for a checkpoint: the same as that of an
    /// optimizer that is not shared out. All ranks call this, and all get it.
    pub fn state(&mut self) -> Vec<WholeState<T>> {
        let own = self.described();
        let texts = gather_texts(&mut *self.parallel.reducer.group, &own);
        let of_all = described_parts(&texts);
        let empty = |member: &Member<T>| WholeState { name: member.name.clone(), step: 0, slots: Vec::new() };
        let mut whole: Vec<WholeState<T>> = self.parallel.reducer.layout.weights().iter().map(empty).collect();
        let mut names = Vec::<&str>::new();
        for part in &of_all {
            whole[part.member].step = part.step;
            names.extend(part.slots.iter().map(|(name, _)| *name));
        }
        // A stable order, which is that of the optimizer.
        let mut seen = HashSet::new();
        names.retain(|name| seen.insert(*name));
        for name in names {
            let vector = self.gathered_slot(name);
            for (index, member) in self.parallel.reducer.layout.weights().iter().enumerate() {
                let slots = of_all.iter().filter(|part| part.member == index).flat_map(|part| &part.slots);
                let Some((_, length)) = slots.into_iter().find(|(slot, _)| *slot == name) else { continue };
                // A slot of a whole parameter may have one value for all of it.
                let length = if self.cut == Cut::Parameters { *length } else { member.range.len() };
                whole[index].slots.push((name.to_owned(), vector[member.range.clone()][..length].to_vec()));
            }
            self.parallel.reducer.recycle(vector);
        }
        whole
    }

    /// A line for each part of this rank: the index of the parameter, its steps, and its slots with their lengths.
    fn described(&self) -> String {
        let line = |(part, state): (&Part<T>, &ParameterState<'_, T>)| {
            let slots: Vec<String> =
                state.slots.iter().map(|(slot, values)| format!("{slot}={}", values.len())).collect();
            format!("{}\t{}\t{}", part.member, state.step, slots.join(","))
        };
        self.parts.iter().zip(&self.optimizer.state()).map(line).collect::<Vec<_>>().join("\n")
    }

    /// The values of a slot, of all parameters on all ranks.
    fn gathered_slot(&mut self, name: &str) -> Vec<T> {
        let reducer = &mut self.parallel.reducer;
        let piece = reducer.own_piece();
        let mut values = vec![T::ZERO; piece.len()];
        for (part, state) in self.parts.iter().zip(&self.optimizer.state()) {
            if let Some((_, slot)) = state.slots.iter().find(|(slot, _)| *slot == name) {
                values[part.range.start - piece.start..][..slot.len()].copy_from_slice(slot);
            }
        }
        reducer.gather(values)
    }

    /// Replaces the state of the parameter `name` by a saved one, of the whole parameter; each rank keeps what is in
    /// its piece.
    ///
    /// # Errors
    /// If there is no such parameter or a slot has another length, on all ranks; if the slots are not this optimizer's,
    /// on the ranks that have a piece of the parameter.
    pub fn restore(&mut self, name: &str, step: u64, slots: &[(&str, &[T])]) -> Result<(), StateError> {
        let members = self.parallel.reducer.layout.weights();
        let Some(index) = members.iter().position(|member| member.name == name) else {
            let names: Vec<&str> = members.iter().map(|member| member.name.as_str()).collect();
            let expected = format!("one of the parameters {}", names.join(", "));
            return Err(StateError::new(name, "a parameter's state", expected));
        };
        let (start, length) = (members[index].range.start, members[index].range.len());
        let fits = |found: usize| found == length || found == 1 && self.cut == Cut::Parameters;
        if let Some((slot, values)) = slots.iter().find(|(_, values)| !fits(values.len())) {
            let found = format!("{} values", values.len());
            return Err(StateError::new(format!("{name}.{slot}"), found, length.to_string()));
        }
        let Some(part) = self.parts.iter().find(|part| part.member == index) else { return Ok(()) };
        if self.cut == Cut::Parameters {
            return self.optimizer.restore(name, step, slots);
        }
        let own = part.range.start - start..part.range.end - start;
        let slots: Vec<(&str, &[T])> = slots.iter().map(|(slot, values)| (*slot, &values[own.clone()])).collect();
        self.optimizer.restore(name, step, &slots)
    }
}

/// What a rank says of the state of one of its parts.
struct Described<'a> {
    /// The index of the parameter.
    member: usize,
    step: u64,
    /// The slots and their lengths.
    slots: Vec<(&'a str, usize)>,
}

/// What all ranks say, in the order of the ranks.
fn described_parts(texts: &[String]) -> Vec<Described<'_>> {
    texts.iter().flat_map(|text| text.lines()).map(Described::of_line).collect()
}

impl<'a> Described<'a> {
    fn of_line(line: &'a str) -> Self {
        let mut fields = line.split('\t');
        let mut field = || fields.next().expect("three fields");
        let member = field().parse().expect("the index of a parameter");
        let step = field().parse().expect("a number of steps");
        let slots = field().split(',').filter_map(|slot| slot.split_once('='));
        let slots = slots.map(|(name, length)| (name, length.parse().expect("a number of values"))).collect();
        Described { member, step, slots }
    }
}
