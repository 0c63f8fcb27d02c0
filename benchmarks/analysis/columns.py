"""The columns of tidy records, for the verb that writes them and for those that read them."""

METRICS = {
    "accuracy": "Accuracy",
    "macro_f1": "Macro-F1",
    "macro_f1_chosen": "Macro-F1, threshold",
    "roc_auc": "ROC-AUC",
    "pr_auc": "PR-AUC",
}
"""Scores, and their names for readers."""

RUN = ["dataset", "model", "variant", "split", "seed"]
COLUMNS = {
    "runs": [*RUN, "students", "prevalence", *METRICS, "validation"],  # the last: headline score on validation students
    "classes": [*RUN, "class", "precision", "recall", "f1", "f1_chosen", "support"],
    "alerts": [*RUN, "share", "precision", "recall", "lead"],
    "trials": ["dataset", "kind", "name", "split", "trial", "state", "value", "params", "error", "recipe"],
    "outcomes": ["dataset", "model", "variant", "status", "reason", "origin"],
    "pretraining": ["dataset", "recipe", "arm", "split", "measure", "new_head", "before", "after"],
    "curves": ["dataset", "recipe", "arm", "split", "epoch", "phase", "loss", "held_out"],
    "heads": ["dataset", "recipe", "split", "seed", "students", "accuracy", "confidence", "loss"],
    "uses": ["dataset", "model", "variant", "recipe"],
    "references": ["dataset", "model", "variant", "reference"],
    "comparisons": [
        "dataset", "question", "model", "variant", "reference", "reference_variant", "split", "metric", "by", "runs",
        "score", "score_low", "score_high", "reference_low", "reference_high", "difference", "low", "high", "p",
        "p_adjusted", "verdict", "floor",
    ],
    "controls": ["dataset", "control", "model", "variant", "runs", "value", "error", "freedom"],
    "fairness": [
        "dataset", "model", "attribute", "measure", "groups", "left_out", "names", "value", "low", "high", "chance",
        "worse", "verdict",
    ],
    "calibration": [*RUN, "bin", "students", "share", "predicted", "observed", "ece", "brier"],
    "network": ["dataset", "part", "low", "high", "of", "to", "students", "share"],
}  # fmt: skip


def headline(kind: str) -> str:
    """The score that a dataset is judged by: accuracy where there are several classes, else ROC-AUC."""
    return "accuracy" if kind == "multiclass" else "roc_auc"
