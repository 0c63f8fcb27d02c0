"""A wrong config fails before any job starts, with the key, the value and what is allowed."""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import ROOT
from snakemake.utils import update_config

from benchmarks import cli, keys
from benchmarks.jobs.modules import load
from benchmarks.jobs.source import code_hash
from benchmarks.planning.config import ConfigError, check
from benchmarks.planning.configfile import read
from benchmarks.planning.entries import entry_of, models_of, references_of, trials_of, variants_of, without_text


@pytest.fixture
def config() -> dict[str, Any]:
    return yaml.safe_load((ROOT / "config" / "default.yaml").read_text(encoding="utf-8"))


def test_the_sizes_of_timings_go_on_top_of_the_default_tier(config: dict[str, Any]) -> None:
    before = config["timing"]["folder"]
    update_config(config, yaml.safe_load((ROOT / "config" / "timing.yaml").read_text(encoding="utf-8")))
    check(config)
    assert config["timing"]["folder"] != before, "the tier's own timings stay"
    assert {"encode", "propagate", "train", "grow", "pipeline", "workflow"} == config["timing"]["suites"].keys()
    rounds = [sizes.get("rounds", config["timing"]["rounds"]) for sizes in config["timing"]["suites"].values()]
    assert min(rounds) > 1, "one measurement has no interval"


@pytest.mark.parametrize("tier", ["smoke", "default", "paper"])
def test_shipped_configs_are_right_and_named_after_their_tier(tier: str) -> None:
    shipped = yaml.safe_load((ROOT / "config" / f"{tier}.yaml").read_text(encoding="utf-8"))
    check(shipped)
    assert shipped["tier"] == tier


def put(*path: str, value: Any) -> Callable[[dict[str, Any]], None]:
    def change(config: dict[str, Any]) -> None:
        for key in path[:-1]:
            config = config[key]
        config[path[-1]] = value

    return change


CONTROL = ("ablations", "controls", "bert-gcn")
WRONG = [
    (put("seeds", value=[0, -1]), r"seeds.1 = -1; expected a whole number from 0"),
    (put("recipes", "minilm", "set", value={"learning_rate": 1}), r"recipes.minilm.set: unknown knob 'learning_rate'"),
    (put("recipes", "minilm", "set", value={"lr": "high"}), r"recipes.minilm.set.lr = 'high'; expected float"),
    (put("recipes", "minilm", "set", value={"texts": 5}), r"minilm.set.texts = 5; expected none: it is the recip"),
    (put("recipes", "minilm-frozen", "set", value={"lr": 1.0}), r"frozen.set = {'lr': 1.0}; expected none: nothing is"),
    (put("seeds", value=[]), r"seeds = \[\]; expected a list of different integers from 0"),
    (put("seeds", value=[0, 1000]), r"seeds, selection_seeds: \[1000\] stand in both"),
    (put("text_matters", value=["webkbb"]), r"text_matters: unknown 'webkbb' \(did you mean 'webkb'\?\)"),
    (put("models", "bert-gcn", "recipe", value="minilm-lora"), r"'minilm-lora': it is tuned as another; expected one"),
    (put(*CONTROL, "permuted labels", value={"labels": "permuted"}), r"fine-tuned on true labels; name a recipe that"),
    (put(*CONTROL, "permuted labels", "draws", value=0), r"labels.draws = 0; expected a number from 1 to 1000"),
    (put(*CONTROL, "permuted labels", "recipe", value="minilm"), r"draws = 8; expected none with a recipe that has st"),
    (put(*CONTROL, "permuted", value={"labels": "permuted"}), r"'labels': 'permuted'} makes the variant 'permuted l"),
    (put(*CONTROL, "rewired edges", value={"graph": "unweighted"}), r"'rewired'} makes the variant 'rewired edges'"),
    (put(*CONTROL, "a\0b", value={"graph": "unweighted"}), r"bert-gcn: the key 'a\\x00b' cannot be a name"),
    (put(*CONTROL, "\ud800", value={"graph": "unweighted"}), r"bert-gcn: the key '\\ud800' cannot be a name"),
    (put("trails", value=3), r"unknown key 'trails' \(did you mean 'trials'\?\); allowed: .*tier.*figures"),
    (put("trials", value=2), r"trials = 2; recipe 'minilm' takes as many"),
    (put("trials", value="many"), r"trials = 'many'; expected a number of trials from 1"),
    (put("device", value="gpu"), r"device = 'gpu'; expected auto, cpu, cuda or cuda:N"),
    (put("models", "mlp", value="baselines.mpl"), r"models.mlp = 'baselines.mpl': no module .*in baselines/ there are"),
    (
        put("models", "bert-gcn", "recipe", value="minilmm"),
        r"models.bert-gcn.recipe = unknown 'minilmm' \(did you mean",
    ),
    (put("models", "bert-gcn", value={"module": "sgn.model", "recip": "minilm"}), r"models.bert-gcn.*recip"),
    (put("models", "Bert_GCN", value="sgn.model"), r"Bert_GCN"),
    (put("models", "gat", "set", "conv", value="GATv3"), r"gat.set.conv = 'GATv3'; expected 'APPNP', .*'GATv2Conv'"),
    (put("datasets", "webkb", "make", value="benchmarks.datasets.webkp"), r"datasets.webkb.make = .*there are .*webkb"),
    (
        put("datasets", "synthetic", "studnets", value=5),
        r"datasets.synthetic: unknown option 'studnets' \(did you mean",
    ),
    (
        put("datasets", "facebook100-reed98", value={"make": "benchmarks.datasets.facebook100", "splits": [0]}),
        r"option 'school' is missing",
    ),
    (
        put("models", "mlp", value={"module": "baselines.mlp", "datasets": ["webkbb"]}),
        r"models.mlp.datasets: unknown 'webkbb' \(did you mean 'webkb'",
    ),
    (put("datasets", "webkb", "splits", value=["../up"]), r"datasets.webkb.splits.0 = '../up'; expected"),
    (
        put("recipes", "minilm", "finetune", value="all"),
        r"recipes.minilm.finetune = 'all'; expected frozen, top-K, full, lora-K or adalora-K",
    ),
    (put("recipes", "minilm", "finetune", value="lora"), r"recipes.minilm.finetune = 'lora'; expected frozen, top-K"),
    (put("recipes", "minilm", "pooling", value="max"), r"recipes.minilm.pooling = 'max'; expected cls, mean or last"),
    (put("recipes", "minilm", "precision", value="fp16"), r"minilm.precision = 'fp16'; expected auto, fp32 or bf16"),
    (put("recipes", "minilm", "folds", value=1), r"recipes.minilm.folds = 1; expected a number of folds from 2"),
    (
        put("recipes", "plain", value={"weights": "a/b", "tokens": 8, "finetune": "frozen", "folds": 2}),
        r"recipes.plain.folds = 2; expected none",
    ),
    (
        put("recipes", "minilm", "pretrain", value={"arm": "all", "epochs": 1, "layers": 2}),
        r"recipes.minilm.pretrain.arm = 'all'; expected train-only, transductive or graph",
    ),
    (
        put("recipes", "minilm", "pretrain", value={"arm": "graph", "layers": 2}),
        r"minilm.pretrain.epochs is missing",
    ),
    (put("recipes", "minilm", "pretrain", value="graph"), r"minilm.pretrain = 'graph'; expected key: value pairs"),
    (
        put("recipes", "minilm", "pretrain", value={"arm": "graph", "epochs": 1, "layers": 1}),
        r"recipes.minilm.pretrain.layers = 1; expected 2, as in finetune = 'top-2'",
    ),
    (put("recipes", "minilm", "sha256", value="abc"), r"recipes.minilm.sha256 = 'abc'; expected 64 hexadecimal digits"),
    (put("ablations", "structure", "gcn", value={"x": {"grph": 1}}), r"unknown key 'grph' \(did you mean 'graph'\?\)"),
    (put("ablations", "structure", "gcn", value={"x": {"graph": "no_egdes"}}), r"graph = unknown 'no_egdes'"),
    (
        put("ablations", "structure", "gcn", value={"x": {"norm": "both"}}),
        r"structure.gcn.x.norm = 'both'; expected 'layer', 'batch', 'none'",
    ),
    (
        put("ablations", "structure", "gcn", value={"grid": {"dropout": 0.5}}),
        r"structure.gcn.grid.dropout = 0.5; expected a list of different values",
    ),
    (
        put("ablations", "structure", "gcn", value={"grid": {"dropout": [0.5], "layers": [1, 1.5]}}),
        r"structure.gcn.dropout=0.5,layers=1.5.layers = 1.5; expected int",
    ),
    (
        put("ablations", "structure", "gcn", value={"x": {"layers": 1, "against": "y"}}),
        r"x.against = unknown 'y'; allowed",
    ),
    (
        put("ablations", "structure", "gcn", value={"x": {"layers": 1, "against": "x"}}),
        r"x.against = unknown 'x'; allowed",
    ),
    (put("ablations", "structure", "gcn", value={"x": {"layers": 1, "against": "text told"}}), r"unknown 'text told'"),
    (put("ablations", "structure", "gcn", value={"x": {"against": "no residuals"}}), r"something that it changes, too"),
    (
        put(*CONTROL, "shuffled text", "against", value="rewired edges"),
        r"text.against = unknown 'rewired edges'",
    ),
    (
        put("ablations", "structure", "gcn", value={"x": {"layers": 1, "against": "permuted labels"}}),
        r"x.against = unknown 'permuted labels'",
    ),
    (put("ablations", "structure", "gcn", value={"x": {"labels": "some"}}), r"labels = unknown 'some'; allowed: perm"),
    (
        put("recipes", "minilm", "weights", value="./no/such"),
        r"recipes.minilm.weights = './no/such': there is no such folder; expected a hub name or a folder",
    ),
    (
        put("datasets", "facebook100-reed98", "school", value="Foo99"),
        r"facebook100-reed98.school = 'Foo99'; expected 'Reed98', .*'Penn94'",
    ),
    (put("datasets", "mooc-ed-day20", "cutoff", value=-5), r"mooc-ed-day20.cutoff = -5; expected a number from 0"),
    (put("datasets", "mooc-ed-day20", "splits", value=[99]), r"splits: unknown split '99'.*; allowed: 0 to 14, fixed"),
    (
        put("datasets", "synthetic", "text_signal", value=7.0),
        r"synthetic.text_signal = 7.0; expected a number from 0.0 to 1.0",
    ),
    (put("datasets", "synthetic", "splits", value=["x"]), r"unknown split 'x'; allowed: whole numbers from 0"),
    (
        put("datasets", "phase", "grid", "text_signal", value=[0.5, 7.0]),
        r"datasets.phase.text_signal = 7.0; expected a number from 0.0 to 1.0",
    ),
    (
        put("datasets", "webkb", "make", value="benchmarks.data.raw"),
        r"datasets.webkb.make = 'benchmarks.data.raw': .*raw.py does not define make; expected make",
    ),
    (
        put("models", "mlp", value="benchmarks.data.raw"),
        r"models.mlp = 'benchmarks.data.raw': .*does not define Config, build or fit, SPACE; expected Config, build or",
    ),
    (put("tables", value=["mian"]), r"tables = 'benchmarks.tables.mian': no module .*main"),
    (put("limits", value={"minutes": 5}), r"limits: 'memory_mb' is missing"),
    (
        put("datasets", "phase", "grid", "wording", value=["../up"]),
        r"phase.grid.wording = '../up'; expected letters",
    ),
    (
        put("datasets", "phase", "grid", "wording", value=["a b"]),
        r"phase.grid.wording = 'a b'; expected letters, digits",
    ),
    (put("datasets", "phase", "grid", "wording", value=["a\0"]), r"phase.grid.wording = 'a\\x00'; expected letters"),
    (
        put("datasets", "phase", "grid", "wording", value=["1", 1]),
        r"phase.grid.wording = \['1', 1\]; expected values that",
    ),
    (
        put("datasets", "phase", "grid", "draw", value=["9" * 201]),
        r"phase.grid: a cell's name would have \d+ characters",
    ),
    (
        put("ablations", "structure", "gcn", value={"grid": {"graph": ["no_edges", "/tmp"]}}),
        r"ablations.structure.gcn.graph = '/tmp'; expected letters",
    ),
    (
        put("ablations", "structure", "gcn", value={32: {"layers": 1}}),
        r"ablations.structure.gcn: the key 32 is no word \(YAML\); put it in quotes",
    ),
    (put("models", value={False: "baselines.mlp"}), r"models: the key False is no word \(YAML\); put"),
    (put("ablations", "structure", "gcn", value={"a\0": {"layers": 1}}), r"gcn: the key 'a\\x00' cannot be a name"),
]


@pytest.mark.parametrize(("change", "message"), WRONG, ids=[m for _, m in WRONG])
def test_wrong_config(config: dict[str, Any], change: Callable[[dict[str, Any]], None], message: str) -> None:
    changed = copy.deepcopy(config)
    change(changed)
    with pytest.raises(ConfigError, match=message):
        check(changed)


def test_every_row_has_the_same_budget(config: dict[str, Any]) -> None:
    for model in config["models"]:
        recipe = config["recipes"].get(entry_of(config, model).get("recipe"), {})
        assert trials_of(config, model) + recipe.get("trials", 0) == config["trials"]


def test_a_variant_against_another_trains_as_if_it_were_not(config: dict[str, Any]) -> None:
    group = {"datasets": ["synthetic"], "gcn": {"x": {"layers": 1}, "y": {"layers": 3, "against": "x"}}}
    config["ablations"] = {"structure": group}
    check(config)
    assert variants_of(config, "synthetic", "gcn") == {"x": {"layers": 1}, "y": {"layers": 3}}
    assert references_of(config, "synthetic") == {"gcn": {"y": "x"}}
    assert references_of(config, "webkb") == {}


def test_a_model_may_name_its_datasets(config: dict[str, Any]) -> None:
    assert models_of(config, "mooc-ed-day20") == ["majority", *config["models"]]
    assert models_of(config, "reddit-college-day42") == ["majority", "mlp", "gcn", "transformer", "bert-gcn"]
    everywhere = [m for m in config["models"] if m != "gcn"]
    config["models"] = {m: {**entry_of(config, m), "datasets": ["synthetic"]} for m in everywhere} | {
        "gcn": "baselines.gcn"
    }
    assert models_of(config, "webkb") == ["majority", "gcn"]


def test_a_broken_model_file_stops_nothing_but_an_ablation_of_it(config: dict[str, Any], tmp_path: Path) -> None:
    broken = tmp_path / "broken.py"
    broken.write_text("x = 1\ndef forward(:\n", encoding="utf-8")
    config["models"]["mine"] = str(broken)
    check(config)
    config["ablations"]["structure"]["mine"] = {"no edges": {"graph": "no_edges"}}
    with pytest.raises(ConfigError, match=r"ablations.structure.mine: .*broken.py, line 2: invalid syntax"):
        check(config)


def test_a_broken_dataset_file_is_named_with_its_line(config: dict[str, Any], tmp_path: Path) -> None:
    broken = tmp_path / "broken.py"
    broken.write_text("def make(:\n", encoding="utf-8")
    config["datasets"]["webkb"]["make"] = str(broken)
    with pytest.raises(ConfigError, match=r"datasets.webkb.make = .*broken.py, line 1: invalid syntax"):
        check(config)


@pytest.mark.parametrize("line", ["SPLITS = tuple(range(5))", "FILES = dict()", "TEXT: bool = not True"])
def test_what_is_read_of_a_dataset_file_may_not_be_computed(config: dict[str, Any], tmp_path: Path, line: str) -> None:
    file = tmp_path / "mine.py"
    file.write_text(f"\n{line}\ndef make(raw, splits): ...\n", encoding="utf-8")
    config["datasets"]["mine"] = {"make": str(file), "splits": [0]}
    config["ablations"]["structure"]["gcn"] = {"text told": {"text": "told"}}
    word = line.partition(" ")[0].strip(":")
    with pytest.raises(ConfigError, match=rf"datasets.mine.make = .*mine.py, line 2: {word} is computed; expected a"):
        check(config)


def test_an_annotated_text_is_seen(config: dict[str, Any], tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text("TEXT: bool = False\ndef make(raw, splits): ...\n", encoding="utf-8")
    config["datasets"]["mine"] = {"make": str(file), "splits": [0]}
    check(config)
    assert "bert-gcn" in without_text(config, "mine")
    assert "bert-gcn" not in models_of(config, "mine")


def test_a_file_may_have_blanks_and_letters_of_any_language(config: dict[str, Any], tmp_path: Path) -> None:
    file = tmp_path / "my model é.py"
    file.write_text((ROOT / "examples" / "my_model.py").read_text(encoding="utf-8"), encoding="utf-8")
    config["models"]["mine"] = str(file)
    check(config)
    assert len(code_hash("benchmarks.train", str(file))) == 16
    assert load(str(file)).Config()


WRONG_FILES = [
    ("trials: 1\nmodels:\n  a: b\nmodels:\n  c: d\n", r"mine.yaml, line 4: models stands in line 2 already; put both"),
    ("models:\n  a: {set: {lr: 1, lr: 2}}\n", r"mine.yaml, line 2: models.a.set.lr stands in line 2 already"),
    ("trials: [1\n", r"mine.yaml.*line 2"),
    ("- 1\n", r"mine.yaml holds \[1\]; expected key: value pairs"),
]


@pytest.mark.parametrize(("text", "message"), WRONG_FILES, ids=[message for _, message in WRONG_FILES])
def test_a_file_that_is_read_otherwise_than_it_looks(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=rf"(?s){message}"):
        read(file)
    for verb in ("doctor", "plan"):
        with pytest.raises(SystemExit, match=rf"(?s){message}"):
            cli.main([verb, "--config", str(file)])


def test_a_config_of_datasets_and_models_is_enough() -> None:
    least = {
        "datasets": {"few": {"make": "benchmarks.datasets.synthetic", "splits": [0]}},
        "models": {"mlp": "baselines.mlp"},
        "timing": {"rounds": 5},
    }
    check(least)
    assert (least["tier"], least["trials"], least["controls"]) == ("mine", 6, {"majority": "baselines.majority"})
    assert (least["timing"]["rounds"], least["timing"]["folder"]) == (5, "timing")
    for key in ("datasets", "models"):
        with pytest.raises(ConfigError, match=f"the config: '{key}' is missing"):
            check({name: value for name, value in least.items() if name != key})


def test_defaults_are_those_of_the_default_tier(config: dict[str, Any]) -> None:
    mine = read(ROOT / "config" / "mine.yaml")
    check(mine)
    alike = ("device", "threads", "seeds", "selection_seeds", "trials", "epochs", "patience", "controls")
    assert [mine[key] for key in alike] == [config[key] for key in alike]


def test_the_page_of_keys_is_that_of_the_schema(tmp_path: Path) -> None:
    keys.run(tmp_path / "config.md")
    page = (tmp_path / "config.md").read_text(encoding="utf-8")
    assert page == (ROOT / "docs" / "config.md").read_text(encoding="utf-8"), "call `sgn keys --output docs/config.md`"
    cells = [row.split(" | ")[1] for row in page.splitlines() if row.startswith(("| `", "| **"))]
    assert all(cells), "a key without a meaning"
