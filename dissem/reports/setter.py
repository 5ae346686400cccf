"""The process that sets documents: a question as JSON comes in, the document goes out. It loads little but typst."""

import json
import sys
from datetime import datetime


def answer() -> None:
    """The whole life of the process; what typst objects to is its last word."""
    import typst

    question = json.load(sys.stdin.buffer)
    moment = question["moment"]
    try:
        made = typst.compile(
            question["template"].encode(),
            sys_inputs=question["inputs"],
            ignore_system_fonts=True,
            timestamp=datetime.fromisoformat(moment) if moment else None,
            **question["options"],
        )
    except typst.TypstError as error:
        sys.exit(error.message)
    sys.stdout.buffer.write(made)
