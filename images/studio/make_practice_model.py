"""Makes the practice model: Stable Diffusion 1.5 in shape, tiny and random in weights.

It paints coloured noise, by nature. It is there so that a studio works, and can be tried out and
tested, before anybody has fetched a model: 27 MB, made here in a second, nobody's property. Every
file of it is written by this script, its tokenizer included; nothing is asked of any hub.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"

import torch
from diffusers import AutoencoderKL, DDIMScheduler, StableDiffusionPipeline, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

LONGEST_PROMPT = 77  # tokens, as in every CLIP text encoder of Stable Diffusion 1
WIDTH = 768  # of the text's embedding: by this WebUIs know a model as Stable Diffusion 1
BEGIN, END = "<|startoftext|>", "<|endoftext|>"


def byte_letters() -> list[str]:
    """One printable letter for each byte, as byte-level BPE (GPT-2, CLIP) writes them."""
    plain = [*range(ord("!"), ord("~") + 1), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = iter(range(256, 512))
    return [chr(byte) if byte in plain else chr(next(others)) for byte in range(256)]


def tokenizer() -> CLIPTokenizer:
    """Knows single bytes alone: enough for any prompt, in any language."""
    letters = byte_letters()
    words = [*letters, *(f"{letter}</w>" for letter in letters), BEGIN, END]
    with tempfile.TemporaryDirectory() as place:
        vocabulary, merges = Path(place, "vocab.json"), Path(place, "merges.txt")
        vocabulary.write_text(json.dumps({word: id for id, word in enumerate(words)}))
        merges.write_text("#version: 0.2\n")
        made = CLIPTokenizer(vocab=str(vocabulary), merges=str(merges))
    made.model_max_length = LONGEST_PROMPT
    return made


def pipeline() -> StableDiffusionPipeline:
    torch.manual_seed(1505)
    words = tokenizer()
    text = CLIPTextConfig(
        vocab_size=len(words),
        hidden_size=WIDTH,
        intermediate_size=256,
        num_hidden_layers=2,
        num_attention_heads=8,
        max_position_embeddings=LONGEST_PROMPT,
        bos_token_id=words.bos_token_id,
        eos_token_id=words.eos_token_id,
        pad_token_id=words.eos_token_id,
    )
    unet = UNet2DConditionModel(
        sample_size=64,
        in_channels=4,
        out_channels=4,
        block_out_channels=(32, 64),
        layers_per_block=1,
        # Attention where there are fewest places to attend to: it is what takes the time.
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=WIDTH,
        attention_head_dim=8,
        norm_num_groups=8,
    )
    # Four levels: a latent is an eighth of the picture in width and height, as in the real one.
    vae = AutoencoderKL(
        block_out_channels=(16, 16, 32, 32),
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        latent_channels=4,
        norm_num_groups=8,
        sample_size=512,
    )
    scheduler = DDIMScheduler(
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        clip_sample=False,
        set_alpha_to_one=False,
        steps_offset=1,
    )
    return StableDiffusionPipeline(
        vae=vae,
        text_encoder=CLIPTextModel(text).eval(),
        tokenizer=words,
        unet=unet,
        scheduler=scheduler,
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )


def main() -> None:
    target = Path(sys.argv[1] if len(sys.argv) > 1 else "models/checkpoints/practice")
    target.mkdir(parents=True, exist_ok=True)
    pipeline().save_pretrained(str(target), safe_serialization=True)


if __name__ == "__main__":
    main()
