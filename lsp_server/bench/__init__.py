"""The product's own numbers, measured on the product's own path.

``lines`` asks the real pipeline for the rest of lines that were cut out of real files; ``sample`` chooses them,
``score`` compares, ``figures`` counts, ``table`` and ``picture`` show. ``ablation`` does the same with parts of the
pipeline left out. ``usage`` tells what was counted while somebody worked, ``page`` shows it. Nothing here is imported
while Offhand serves an editor.
"""
