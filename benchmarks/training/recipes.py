"""What a recipe's keys imply, for the plan and for the verbs alike. Imports nothing."""

from typing import Any


def finetuned(recipe: dict[str, Any]) -> bool:
    """Whether labels change the Transformer, so that there is something to search for, and logits."""
    return bool(recipe["finetune"] != "frozen")


def per_split(recipe: dict[str, Any]) -> bool:
    """Whether a split's states are its own: its labels or the choice of its texts have changed the Transformer."""
    return finetuned(recipe) or "pretrain" in recipe


def trials(recipe: dict[str, Any]) -> int:
    """Trials that a recipe takes of the budget of each row that uses it."""
    return recipe["trials"] if finetuned(recipe) else 0


def reading(recipe: dict[str, Any]) -> dict[str, Any]:
    """How texts are read before anything is trained."""
    return {key: recipe[key] for key in ("weights", "sha256", "tokens", "pooling", "precision") if key in recipe}


def layers_changed(recipe: dict[str, Any]) -> str:
    """`finetune` of the fine-tuning that would change as many layers as this recipe does."""
    return (
        recipe["finetune"] if finetuned(recipe) or "pretrain" not in recipe else f"top-{recipe['pretrain']['layers']}"
    )
