"""The model card: what a run can say of its model by the items of TRIPOD+AI, and what its authors still have to.

`tripod`: the items. `facts`: what is read of a run. `answers`: which fact answers which item. `blocks`: text, tables
and figures, as Markdown and as HTML. `compose`: the card. `writing`: into the run and the registry.
"""
