"""Arms × draws → run records → tables and plots: every number of the book comes from here."""

from segkit._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "columns": ["case_values"],
        "draw": ["Draw"],
        "execution": ["run_plan"],
        "machine": ["describe_machine", "library_versions", "source_commit"],
        "memory": ["PeakMemory", "peak_memory"],
        "packing": ["merge_records", "pack", "unpack"],
        "plan": ["Arm", "Plan"],
        "planning": ["power"],
        "plotting": ["plot"],
        "prepared": ["Prepared", "make_draw", "prepare"],
        "records": ["append_records", "read_records", "record_key", "results_folder", "validate_record"],
        "rendering": ["Table", "rows_json"],
        "running": ["run_one"],
        "submitting": ["cluster_engine", "submit_runs"],
        "tables": ["table_rows"],
    },
)
