"""What cannot be compiled is refused, what was damaged is noticed, and nothing is left half done."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from voice_api.speech.processor import Processor
from voice_api.speech.whisper.compilation import adds_in_32_bits, read_compilation
from voice_api.speech.whisper.compile.folder import CompileOptions, compile_folder, compiled_cache
from voice_api.speech.whisper.compiled import CompiledDecoder
from voice_api.speech.whisper.config import read_architecture
from voice_api.speech.whisper.errors import ModelFolderError

EXACT = CompileOptions("fp32")
DECODER = "onnx/decoder_model_merged.onnx"
ENCODER = "onnx/encoder_model.onnx"


@pytest.fixture
def source(published: Callable[..., Path], tmp_path: Path) -> Path:
    """A published folder of one's own, to damage."""
    folder = tmp_path / "published"
    shutil.copytree(published(), folder, ignore=shutil.ignore_patterns("reference"))
    return folder


def quiet(_: str) -> None:
    pass


def refused(source: Path, tmp_path: Path) -> ModelFolderError:
    """The refusal, after which nothing is where the compiled folder would be, nor beside it."""
    place = tmp_path / "out"
    with pytest.raises(ModelFolderError) as found:
        compile_folder(source, place / "model", EXACT, quiet)
    assert not place.exists() or list(place.iterdir()) == []
    assert found.value.fix
    return found.value


def louder(path: Path) -> None:
    """Multiply what goes into the last norm by 1.5 for one half of the width: no norm undoes that."""
    graph = onnx.load(path)
    norm = [node for node in graph.graph.node if node.op_type == "LayerNormalization"][-1]
    uneven = np.repeat(np.array([1.0, 1.5], dtype=np.float32), 32)
    graph.graph.initializer.append(numpy_helper.from_array(uneven, "uneven"))
    node = helper.make_node("Mul", [norm.input[0], "uneven"], ["louder"])
    norm.input[0] = "louder"
    graph.graph.node.insert(list(graph.graph.node).index(norm), node)
    onnx.save(graph, path)


def test_a_graph_that_computes_something_else_than_a_whisper_fails_its_proof(
    source: Path, tmp_path: Path
) -> None:
    louder(source / ENCODER)
    assert "was not understood" in refused(source, tmp_path).message


def test_a_graph_without_attention_is_no_whisper(source: Path, tmp_path: Path) -> None:
    graph = onnx.load(source / ENCODER)
    for node in graph.graph.node:
        node.op_type = "Identity" if node.op_type == "Softmax" else node.op_type
        if node.op_type == "Identity":
            del node.attribute[:]
    onnx.save(graph, source / ENCODER)
    assert "no Whisper known here" in refused(source, tmp_path).message


@pytest.mark.parametrize("graph", [ENCODER, DECODER])
@pytest.mark.parametrize("share", [0.0, 0.2, 0.6, 0.999])
def test_a_graph_cut_off_is_refused_by_name(graph: str, share: float, source: Path, tmp_path: Path) -> None:
    whole = (source / graph).read_bytes()
    (source / graph).write_bytes(whole[: int(len(whole) * share)])
    assert graph in refused(source, tmp_path).message


def test_weights_left_behind_are_refused_by_name(published: Callable[..., Path], tmp_path: Path) -> None:
    folder = tmp_path / "published"
    shutil.copytree(published(external=True), folder, ignore=shutil.ignore_patterns("reference"))
    (folder / f"{DECODER}_data").unlink()
    assert "decoder_model_merged.onnx_data" in refused(folder, tmp_path).message


def test_weights_outside_the_folder_are_never_read(published: Callable[..., Path], tmp_path: Path) -> None:
    folder = tmp_path / "published"
    shutil.copytree(published(external=True), folder, ignore=shutil.ignore_patterns("reference"))
    graph = onnx.load(folder / ENCODER, load_external_data=False)
    for tensor in graph.graph.initializer:
        for entry in tensor.external_data:
            entry.value = "../../secret" if entry.key == "location" else entry.value
    onnx.save(graph, folder / ENCODER)
    (tmp_path / "secret").write_bytes(b"x" * 10_000_000)
    assert "outside its folder" in refused(folder, tmp_path).message


def test_more_layers_than_config_json_says_are_refused(source: Path, tmp_path: Path) -> None:
    sizes = json.loads((source / "config.json").read_text())
    (source / "config.json").write_text(json.dumps(sizes | {"encoder_layers": 3}))
    assert "config.json says 3" in refused(source, tmp_path).message


def test_another_activation_is_refused(source: Path, tmp_path: Path) -> None:
    sizes = json.loads((source / "config.json").read_text())
    (source / "config.json").write_text(json.dumps(sizes | {"activation_function": "relu"}))
    assert "activation_function" in refused(source, tmp_path).message


def test_a_compiled_folder_is_not_compiled_again(compiled: Callable[..., Path], tmp_path: Path) -> None:
    assert "is compiled already" in refused(compiled(), tmp_path).message


@pytest.mark.parametrize("name", ["decoder.weights", "encoder.onnx", "embedding.npy", "tokenizer.json"])
def test_one_wrong_byte_is_noticed_at_loading(
    name: str, compiled: Callable[..., Path], tmp_path: Path
) -> None:
    folder = tmp_path / "model"
    shutil.copytree(compiled(), folder)
    content = bytearray((folder / name).read_bytes())
    content[len(content) // 2] ^= 1
    (folder / name).write_bytes(content)
    with pytest.raises(ModelFolderError) as noticed:
        CompiledDecoder(folder, read_architecture(folder), 1)
    assert name in noticed.value.message
    assert "compile" in noticed.value.fix


def test_what_was_compiled_is_found_again(source: Path, tmp_path: Path) -> None:
    target = compiled_cache(tmp_path, source, EXACT)
    first = compile_folder(source, target, EXACT, quiet)
    written = (target / "decoder.weights").stat().st_mtime_ns
    again = compile_folder(source, target, EXACT, quiet)
    assert (first.fresh, again.fresh) == (True, False)
    assert (target / "decoder.weights").stat().st_mtime_ns == written
    assert target.parent == tmp_path / ".compiled"
    assert target.name.endswith("-fp32")


def test_a_damaged_copy_and_another_form_or_content_are_compiled_anew(source: Path, tmp_path: Path) -> None:
    target = tmp_path / "model"
    compile_folder(source, target, EXACT, quiet)
    (target / "decoder.weights").write_bytes(b"")
    assert compile_folder(source, target, EXACT, quiet).fresh
    assert read_compilation(target).files
    about = json.loads((target / "compiled.json").read_text())
    (target / "compiled.json").write_text(json.dumps(about | {"schema": "kvx/compiled-model/v1"}))
    assert compile_folder(source, target, EXACT, quiet).fresh
    settings = json.loads((source / "generation_config.json").read_text())
    (source / "generation_config.json").write_text(json.dumps(settings | {"max_length": 20}))
    assert compile_folder(source, target, EXACT, quiet).fresh
    assert json.loads((target / "generation_config.json").read_text())["max_length"] == 20
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["model", "published"]


COMPILING = """
import sys
from pathlib import Path
from voice_api.speech.whisper.compile.folder import CompileOptions, compile_folder
def say(line):
    print(line, flush=True)
    if "computes what was published" in line:
        sys.stdin.read()
compile_folder(Path(sys.argv[1]), Path(sys.argv[2]), CompileOptions(), say)
"""


def test_killed_in_the_middle_it_leaves_nothing_and_the_next_one_cleans_up(
    source: Path, tmp_path: Path
) -> None:
    place = tmp_path / "out"
    arguments = [sys.executable, "-c", COMPILING, str(source), str(place / "model")]
    with subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as compiling:
        assert compiling.stdout is not None
        assert any("computes what was published" in line for line in compiling.stdout)
        assert list(place.iterdir()) != []
        compiling.send_signal(signal.SIGKILL)
    assert not (place / "model").exists()
    compile_folder(source, place / "model", EXACT, quiet)
    assert [entry.name for entry in place.iterdir()] == ["model"]


@pytest.mark.needs("tmpfs")
def test_a_full_disk_is_told_and_leaves_nothing(source: Path, disk_of: Callable[[str], Path]) -> None:
    disk = disk_of("600k")
    with pytest.raises(ModelFolderError) as full:
        compile_folder(source, disk / "model", EXACT, quiet)
    assert os.strerror(28) in full.value.message
    assert list(disk.iterdir()) == []


def test_int8_weights_of_a_whole_byte_need_a_processor_that_adds_them_without_loss() -> None:
    def named(machine: str, *features: str) -> Processor:
        return Processor(machine, features, "", "", ())

    assert adds_in_32_bits(named("x86_64", "avx2", "avx512_vnni"))
    assert adds_in_32_bits(named("aarch64", "asimd"))
    assert not adds_in_32_bits(named("x86_64", "avx2", "avx512bw"))
