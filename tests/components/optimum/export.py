"""Exports a transformers checkpoint with optimum: export.py CHECKPOINT FOLDER OPSET."""

import sys

from optimum.exporters.onnx import main_export

if __name__ == "__main__":
    checkpoint, folder, opset = sys.argv[1:]
    main_export(
        checkpoint,
        output=folder,
        task="automatic-speech-recognition-with-past",
        opset=int(opset),
        do_validation=False,
        local_files_only=True,
    )
