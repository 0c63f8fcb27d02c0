"""Records on disk: Parquet whose pages have checksums, so that a damaged one is refused. Plain pandas reads it, too."""

from pathlib import Path

import pandas as pd

from benchmarks.jobs import checksums


def write(frame: pd.DataFrame, file: Path) -> None:
    """Write records, the same bytes for the same records."""
    frame.to_parquet(file, index=False, write_page_checksum=True)


def read(file: Path) -> pd.DataFrame:
    """Read records; raises DamageError for a file that is not as it was written."""
    try:
        return pd.read_parquet(file, page_checksum_verification=True)
    except FileNotFoundError:
        raise
    except Exception as error:  # damage shows in many ways
        raise checksums.DamageError(f"{file} is damaged ({type(error).__name__}: {error}): make it anew") from error
