"""The page's words, in English and Chinese: one table, so that neither lags behind."""

# ruff: noqa: E501 - a sentence is a line, so both languages stand side by side
from __future__ import annotations

TABLE: dict[str, tuple[str, str]] = {
    "title": ("Studio", "画室"),
    "prompt": ("What do you want to see", "想看到什么"),
    "prompt_hint": (
        "A cat by the window, rain outside, warm light, watercolor",
        "窗边的猫，窗外下雨，暖光，水彩",
    ),
    "negative": ("What you do not want to see", "不想看到什么"),
    "negative_hint": ("blurry, text, watermark", "模糊，文字，水印"),
    "size": ("Size", "尺寸"),
    "size_info": (
        "Or write your own, for example 832 × 1216.",
        "也可以自己写，例如 832 × 1216。",
    ),
    "square": ("Square 512 × 512", "方形 512 × 512"),
    "portrait": ("Portrait 512 × 768", "竖幅 512 × 768"),
    "landscape": ("Landscape 768 × 512", "横幅 768 × 512"),
    "large": ("Large square 1024 × 1024", "大方形 1024 × 1024"),
    "tiny": ("Quick try 256 × 256", "快速试画 256 × 256"),
    "count": ("How many", "张数"),
    "model": ("Model", "模型"),
    "more": ("More settings", "更多设置"),
    "steps": ("Steps", "步数"),
    "steps_info": (
        "More steps, more detail, more time. 20 to 30 are enough.",
        "步数越多越细，也越慢；20 到 30 就够。",
    ),
    "guidance": ("How closely to follow your words", "贴近文字的程度"),
    "seed": ("Seed", "种子"),
    "seed_info": (
        "−1: a new one for each picture. The same seed paints the same picture again.",
        "−1 表示每张都换新的；同一个种子会再画出同一张。",
    ),
    "paint": ("Paint", "开始画"),
    "stop": ("Stop", "停下"),
    "result": ("Your picture", "你的画"),
    "pictures": ("Pictures in Outputs", "Outputs 里的画"),
    "use": ("Use these settings again", "再用这些设置"),
    "refresh": ("Look again", "刷新"),
    "examples": ("Examples by {creator}", "{creator} 的示例"),
    "warming": (
        "Warming up. The first picture waits a moment for this.",
        "正在预热，第一张画会多等一会儿。",
    ),
    "on_card": (
        "Paints on {card}, {memory} GB of video memory.",
        "用 {card} 画，显存 {memory} GB。",
    ),
    "on_cpu": (
        "There is no graphics card here, so painting is slow. Choose a plan with a card for more.",
        "这里没有显卡，画得很慢。想更快请换带显卡的套餐。",
    ),
    "practice": ("Practice model (paints coloured noise)", "练习模型（只会画彩色噪点）"),
    "only_practice": (
        "There is no real model yet, only the one for practice. Put a .safetensors file into "
        "Models/checkpoints on your disk, with the file manager or by upload, and press “Look again”.",
        "还没有真正的模型，只有练习用的。把 .safetensors 文件放进硬盘的 Models/checkpoints（文件管理器或上传），再按「刷新」。",
    ),
    "no_model": (
        "There is no model here. Put a .safetensors file into Models/checkpoints on your disk.",
        "这里没有模型。请把 .safetensors 文件放进硬盘的 Models/checkpoints。",
    ),
    "refused": (
        "Not offered, because such files can run a program when they are opened: {names}. Look for "
        "the same model as .safetensors.",
        "未列出：{names}。这类文件打开时可能运行程序，请找同一模型的 .safetensors 版本。",
    ),
    "translated": ("Painted with these words: {text}", "实际用的词：{text}"),
    "unknown": (
        "These words are not in the glossary and were left out: {words}. Say them otherwise, or in English.",
        "词表里没有这些词，已略过：{words}。可换个说法，或写英文。",
    ),
    "loading": ("Reading the model", "正在读取模型"),
    "painting": ("Painting, step {done} of {total}", "正在画，第 {done} / {total} 步"),
    "painting_many": (
        "Picture {number} of {count}, step {done} of {total}",
        "第 {number} / {count} 张，第 {done} / {total} 步",
    ),
    "done": ("Done in {seconds} s. Saved as {name}.", "用时 {seconds} 秒，已存为 {name}。"),
    "stopped": ("Stopped.", "已停下。"),
    "vram_out": (
        "The graphics card ran out of memory. Make the picture smaller, or take a larger plan.",
        "显存不足。请缩小图片或换更大的套餐。",
    ),
    "unreadable": (
        "This model could not be read. The file may be damaged, or of a kind that the studio does not know.",
        "无法读取这个模型。文件可能已损坏，或是画室不认识的类型。",
    ),
    "broken": ("The picture could not be painted.", "这张画没能画出来。"),
    "disk_full": (
        "The picture could not be saved: {detail}. Delete files or take a larger disk.",
        "无法保存：{detail}。请删除文件或换大硬盘。",
    ),
    "bad_prompt": ("Write what you want to see first.", "请先写下想看到的画面。"),
    "bad_seed": (
        "The seed is a number from −1 to 4294967295.",
        "种子是 −1 到 4294967295 的整数。",
    ),
    "bad_width": (
        "Width and height are multiples of 8, from 64 to 2048.",
        "宽高须是 8 的倍数，64 到 2048。",
    ),
    "bad_height": (
        "Width and height are multiples of 8, from 64 to 2048.",
        "宽高须是 8 的倍数，64 到 2048。",
    ),
    "bad_steps": ("Steps are from 1 to 150.", "步数为 1 到 150。"),
    "bad_guidance": ("This is a number from 0 to 50.", "这一项为 0 到 50。"),
    "no_settings": ("This picture does not say how it was made.", "这张画没有记录设置。"),
}


def languages() -> dict[str, dict[str, str]]:
    """For the browser, which chooses by its own language."""
    english = {key: words[0] for key, words in TABLE.items()}
    chinese = {key: words[1] for key, words in TABLE.items()}
    return {"en": english, "zh-CN": chinese, "zh": chinese, "zh-TW": chinese}


def said(key: str, accepted: str = "", **values: object) -> str:
    """In the language that the browser asks for (its Accept-Language header)."""
    english, chinese = TABLE[key]
    return (chinese if is_chinese(accepted) else english).format(**values)


def is_chinese(accepted: str) -> bool:
    return accepted.strip().lower().startswith("zh")
