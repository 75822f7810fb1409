"""How a task is trained: what is refused, in which pieces a model is evaluated, what its run holds, what is resumed.

`evaluator`: what each kind of task provides. `kinds`: which evaluator a task has. `predictive`: survival and classes.
`checkpoints`, `steps`: pieces that a killed process need not do again. `writing`: a candidate's run.
"""
