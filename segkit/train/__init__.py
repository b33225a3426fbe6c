"""Training: one Trainer, methods as steps, schedules, moving averages, checkpoints, scales."""

from segkit._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "architecture": ["build_network", "load_network"],
        "checkpoint": ["Checkpoint", "latest_checkpoint", "load_checkpoint", "save_checkpoint"],
        "ema": ["EMA", "ema_decay"],
        "history": ["History", "TrainingError"],
        "method": ["Batch", "Batches", "Method", "State"],
        "precision": ["fastest_precision", "full_precision"],
        "scale": ["SCALES", "Scale"],
        "schedules": [
            "SCHEDULES",
            "constant",
            "cosine",
            "linear_warmup",
            "one_cycle",
            "poly",
            "schedule_named",
        ],
        "seeds": ["seed_everything", "step_generator"],
        "supervised": ["Supervised"],
        "trainer": ["Trainer"],
    },
)
