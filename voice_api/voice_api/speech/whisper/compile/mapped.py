"""Opens a graph with its weights left on disk: slower, but a proof needs little memory."""

from pathlib import Path

from voice_api.speech.runtime import onnxruntime
from voice_api.speech.whisper.compile.onnx_file import without_weights

SEVERITY_FATAL = 4


def open_mapped(path: Path, threads: int) -> onnxruntime.InferenceSession:
    """A session that computes from mapped files: nothing is packed, joined or computed ahead.

    base, merged, fp32: 67 MB instead of 600.
    """
    options = _mapping(path, threads)
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    return onnxruntime.InferenceSession(without_weights(path), options, providers=["CPUExecutionProvider"])


def open_published_decoder(path: Path, threads: int) -> onnxruntime.InferenceSession:
    """A mapped session that never holds the table of tokens a second time (base: 106 MB).

    Published decoders turn the table before they multiply by it: onnxruntime makes one operator of both,
    unless it may fold constants, which would hold what is folded. Without an arena, memory is given back
    after every operator.
    """
    options = _mapping(path, threads)
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    options.enable_cpu_mem_arena = False
    return onnxruntime.InferenceSession(
        without_weights(path),
        options,
        providers=["CPUExecutionProvider"],
        disabled_optimizers=["ConstantFolding"],
    )


def _mapping(path: Path, threads: int) -> onnxruntime.SessionOptions:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = SEVERITY_FATAL
    options.enable_mem_pattern = False
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.disable_prepacking", "1")
    options.add_session_config_entry("session.model_external_initializers_file_folder_path", str(path.parent))
    return options
