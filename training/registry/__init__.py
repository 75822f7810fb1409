"""Models of runs as something to use: served by entity and time, registered, promoted, and described on a card.

`serving`, `servable`, `flavor`: what is logged, and how it predicts. `versions`: the registry. `ground`, `rule`,
`promotion`: which version is the champion. `cohort`, `card`, `tripod`: the model card.
"""
