"""Several who compile into the same folder at once: one after the other, and none in a folder half made."""

import threading
import time
from pathlib import Path

from voice_api.speech.whisper.compile.atomic import written_whole

WRITERS, TIMES, SECONDS = 4, 3, 60


def test_writers_of_one_folder_take_turns(tmp_path: Path) -> None:
    target, inside, most = tmp_path / "compiled", [0], [0]

    def write(number: int) -> None:
        for _ in range(TIMES):
            with written_whole(target) as place:
                inside[0] += 1
                most[0] = max(most[0], inside[0])
                (place / "first").write_text(str(number))
                time.sleep(0.01)
                (place / "second").write_text(str(number))
                inside[0] -= 1

    threads = [threading.Thread(target=write, args=(number,), daemon=True) for number in range(WRITERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(SECONDS)
    assert not any(thread.is_alive() for thread in threads)
    assert most == [1]
    assert (target / "first").read_text() == (target / "second").read_text()
    assert [entry.name for entry in tmp_path.iterdir()] == ["compiled"]
