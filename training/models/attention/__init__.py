"""The multimodal attention model over each patient's measurements. JAX is imported when a model is fitted, not here."""

from typing import Any

from training.models.attention.columns import uses_history

__all__ = ["attention_classes", "attention_survival", "uses_history"]


def attention_survival(features: object, seed: int, **settings: Any) -> Any:
    """Cox regression on what gated attention gathers from the tokens; settings as of `estimator.Attention`."""
    from training.models.attention.estimator import AttentionSurvival

    return AttentionSurvival(seed=seed, **settings)


def attention_classes(features: object, seed: int, **settings: Any) -> Any:
    """Logistic regression on what gated attention gathers from the tokens; settings as of `estimator.Attention`."""
    from training.models.attention.estimator import AttentionClasses

    return AttentionClasses(seed=seed, **settings)
