"""Reads the inventory that provision handed over, .kvx/<target>/inventory.yaml."""

from pathlib import Path

from kvx.errors import ExitCode, KvxError
from kvx.nodes.inventory import Inventory, InventoryError, parsed

NAME = "inventory.yaml"


def read_inventory(folder: Path) -> Inventory:
    """The machines of a target's folder; KvxError with exit code 3 for none yet, 4 for a damaged file."""
    path = folder / NAME
    try:
        return parsed(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        raise KvxError(
            f"there are no machines yet: {path} is handed over once they are made",
            "kvx terraform",
            ExitCode.MISSING,
        ) from None
    except UnicodeDecodeError:
        why = "it is not text in UTF-8"
    except InventoryError as error:
        why = str(error)
    message = f"{path} is not the inventory that was handed over: {why}"
    raise KvxError(message, "kvx terraform, which writes it anew", ExitCode.INCOMPLETE)
