"""The columns of tidy records, for the verb that writes them and for those that read them."""

METRICS = {"accuracy": "Accuracy", "macro_f1": "Macro-F1", "roc_auc": "ROC-AUC", "pr_auc": "PR-AUC"}
"""Scores, and their names for readers."""

RUN = ["dataset", "model", "variant", "split", "seed"]
COLUMNS = {
    "runs": [*RUN, "students", "prevalence", *METRICS],
    "classes": [*RUN, "class", "precision", "recall", "f1", "support"],
    "trials": ["dataset", "kind", "name", "split", "trial", "state", "value", "params", "error", "recipe"],
    "outcomes": ["dataset", "model", "variant", "status", "reason", "origin"],
    "pretraining": ["dataset", "recipe", "arm", "split", "measure", "new_head", "before", "after"],
    "curves": ["dataset", "recipe", "arm", "split", "epoch", "phase", "loss", "held_out"],
    "uses": ["dataset", "model", "variant", "recipe"],
}
