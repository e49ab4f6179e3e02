"""What may be said of a network's shape: timm's constructors take it as it is, so nothing else reaches them.

Options come from suites and from files of weights, which strangers may have written. They are therefore a list of what
is allowed: sizes, rates, switches and the names of layers, within bounds. What would load or fetch something, or name a
file, is not among it.
"""

import re
from collections.abc import Collection, Iterable, Mapping
from math import isfinite
from typing import Any

from roskdbench.errors import nearest

BLOCKS = {
    "block_config",
    "depth",
    "depth_list",
    "depths",
    "layers",
    "num_blocks",
    "num_blocks_list",
    "parallel_depth",
    "serial_depths",
    "stages",
    "transformer_depths",
}
"""How many layers there are; of these there may not be too many in all."""
WIDTHS = {"channels", "dim", "dims", "embed_dim", "embed_dims", "hidden_sizes", "num_features", "width_list", "widths"}
"""How wide layers are."""
SIZES = {
    "attn_ratio",
    "base_dim",
    "base_dims",
    "base_width",
    "bn_size",
    "bottle_ratio",
    "cardinality",
    "channels",
    "dim",
    "dims",
    "embed_dim",
    "embed_dims",
    "expand_ratio",
    "expansion_ratio",
    "groups",
    "growth_rate",
    "growth_rates",
    "head_dim",
    "head_hidden_size",
    "heads",
    "hidden_sizes",
    "img_size",
    "init_channels",
    "init_values",
    "key_dim",
    "kernel_size",
    "kernel_sizes",
    "layer_scale_init_value",
    "ls_init_value",
    "mlp_ratio",
    "mlp_ratios",
    "num_features",
    "num_heads",
    "num_init_features",
    "num_kv_heads",
    "output_stride",
    "patch_size",
    "patch_sizes",
    "reg_tokens",
    "se_ratio",
    "sr_ratios",
    "stem_chs",
    "stem_size",
    "stem_width",
    "strides",
    "width",
    "width_factor",
    "width_list",
    "widths",
    "window_size",
    "window_sizes",
}
RATES = {
    "attn_drop_rate",
    "drop_block_rate",
    "drop_path_rate",
    "drop_rate",
    "patch_drop_rate",
    "pos_drop_rate",
    "proj_drop_rate",
}
SWITCHES = {
    "avg_down",
    "block_reduce_first",
    "class_token",
    "conv_bias",
    "conv_mlp",
    "fc_norm",
    "final_norm",
    "fix_stem",
    "head_norm_first",
    "memory_efficient",
    "patch_norm",
    "pre_norm",
    "preact",
    "proj_bias",
    "qk_norm",
    "qkv_bias",
    "replace_stem_pool",
    "use_grn",
    "zero_init_last",
}
NAMES = {"aa_layer", "act_layer", "global_pool", "norm_layer", "pad_type", "pool_type", "stem_type", "weight_init"}
ALLOWED = BLOCKS | SIZES | RATES | SWITCHES | NAMES
LOADING = re.compile(r"pretrained|checkpoint|cache_dir")

LARGEST = 4096  # of any one number: wider than the widest network of timm's
MOST_BLOCKS = 1000
MOST_WEIGHTS = 2_000_000_000  # by an estimate that is rather too high
MOST_PATCHES = 65_536
LONGEST = 64  # entries of a list
DEEPEST = 3  # lists in lists
WORD = re.compile(r"[A-Za-z0-9_]{0,40}")


def options_objection(options: Any, any_name: bool = False) -> str | None:
    """What is wrong with a network's options, or None. A plugin's network takes names of its own, within the bounds."""
    if not isinstance(options, Mapping):
        return "options of a network are a mapping, such as {channels: [16, 32, 64, 128]}"
    for name, value in options.items():
        if not isinstance(name, str) or not WORD.fullmatch(name):
            return f"an option of a network has a name of letters, and not {name!r:.60}"
        if LOADING.search(name) and value not in (None, False):
            return (
                f"'{name}' would load weights, and networks are trained from scratch here; leave it out, or say "
                "pretrained: FILE.safetensors beside model"
            )
        if not any_name and name not in ALLOWED and value not in (None, False):
            return f"'{name}' is no option of a network's shape; {nearest(name, ALLOWED)}"
        if objection := _value_objection(value, DEEPEST):
            return f"option '{name}': {objection}"
    return _size_objection(options)


def _size_objection(options: Mapping[str, Any]) -> str | None:
    """What is too large of the network that options of allowed names and values describe."""

    def of(names: Collection[str]) -> list[float]:
        return [each for name, value in options.items() if name in names for each in _numbers(value)]

    layers, widest = of(BLOCKS), max(map(abs, of(WIDTHS)), default=0)
    if any(each < 0 for each in layers):
        return "a network has no negative number of layers"
    weights = 9 * max(sum(layers), 1) * widest**2
    patches = (max(of({"img_size"}), default=0) / max(1, min(of({"patch_size"}), default=16))) ** 2
    bounds = (
        (sum(layers), MOST_BLOCKS, "layers"),
        (weights, MOST_WEIGHTS, "weights"),
        (patches, MOST_PATCHES, "patches"),
    )
    too_many = (f"a network of {much:,.0f} {what}; there may be {most:,}" for much, most, what in bounds if much > most)
    return next(too_many, None)


def _value_objection(value: Any, depth: int) -> str | None:
    if value is None or isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        small = isfinite(value) and abs(value) <= LARGEST
        return None if small else f"numbers are {LARGEST:,} at most"
    if isinstance(value, str):
        return None if WORD.fullmatch(value) else "a text is the name of a layer, in letters"
    if isinstance(value, list | tuple) and depth and len(value) <= LONGEST:
        return next((each for each in (_value_objection(one, depth - 1) for one in value) if each), None)
    return f"a number, a name, or a list of up to {LONGEST} of them was expected"


def _numbers(value: Any) -> Iterable[float]:
    if isinstance(value, list | tuple):
        for each in value:
            yield from _numbers(each)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield value
