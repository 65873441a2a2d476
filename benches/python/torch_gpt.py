"""The small GPT of the benchmarks in PyTorch: the same as in `benches/src/networks/gpt.rs`."""

import torch
from torch import nn
from torch.nn import functional

import gpt


class Block(nn.Module):
    """x + attention(norm(x)), then x + feed_forward(norm(x)), with a causal mask."""

    def __init__(self):
        super().__init__()
        self.qkv, self.out = nn.Linear(gpt.WIDTH, 3 * gpt.WIDTH), nn.Linear(gpt.WIDTH, gpt.WIDTH)
        self.up, self.down = nn.Linear(gpt.WIDTH, 4 * gpt.WIDTH), nn.Linear(4 * gpt.WIDTH, gpt.WIDTH)
        self.norm1, self.norm2 = nn.LayerNorm(gpt.WIDTH), nn.LayerNorm(gpt.WIDTH)

    def forward(self, x, cache=None, position=0):
        """`cache` holds keys and values of the positions before, and takes those of x."""
        count, length, width = x.shape
        parts = self.qkv(self.norm1(x)).split(width, 2)
        q, k, v = (part.view(count, length, gpt.HEADS, -1).transpose(1, 2) for part in parts)
        if cache is not None:
            for kept, new in zip(cache, (k, v)):
                kept[:, :, position : position + length] = new
            k, v = (kept[:, :, : position + length] for kept in cache)
        seen = functional.scaled_dot_product_attention(q, k, v, is_causal=cache is None)
        x = x + self.out(seen.transpose(1, 2).reshape(x.shape))
        return x + self.down(functional.gelu(self.up(self.norm2(x)), approximate="tanh"))


class Gpt(nn.Module):
    def __init__(self):
        super().__init__()
        self.characters = nn.Embedding(gpt.CHARACTERS, gpt.WIDTH)
        self.positions = nn.Embedding(gpt.CONTEXT, gpt.WIDTH)
        self.blocks = nn.ModuleList(Block() for _ in range(gpt.BLOCKS))
        self.norm = nn.LayerNorm(gpt.WIDTH)
        self.head = nn.Linear(gpt.WIDTH, gpt.CHARACTERS, bias=False)

    def forward(self, characters):
        x = self.characters(characters) + self.positions(torch.arange(characters.shape[1]))
        for block in self.blocks:
            x = block(x)
        return self.head(self.norm(x))

    def forward_next(self, characters, position, caches):
        """The scores of the characters, `[batch, 1]`, that stand at a position behind those in the caches."""
        x = self.characters(characters) + self.positions(torch.tensor([position]))
        for block, cache in zip(self.blocks, caches):
            x = block(x, cache, position)
        return self.head(self.norm(x))

    @staticmethod
    def empty_caches(batch):
        """For each block, room for the keys and values of a whole sequence."""
        shape = batch, gpt.HEADS, gpt.CONTEXT, gpt.WIDTH // gpt.HEADS
        return [(torch.empty(shape), torch.empty(shape)) for _ in range(gpt.BLOCKS)]
