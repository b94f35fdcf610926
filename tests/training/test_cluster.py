"""The workers of a training, as options and TF_CONFIG name them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from seqmagic.errors import ConfigError
from seqmagic.training.cluster import Cluster, Placement, placement, refuse_workers, rows_of, split_address

TWO = ("10.0.0.1:2222", "10.0.0.2:2222")


def tf_config(cluster: Any, kind: Any = "worker", index: Any = 0) -> str:
    return json.dumps({"cluster": cluster, "task": {"type": kind, "index": index}})


def placed(
    workers: str | None = None, worker_index: int | None = None, *, gpus: int = 1, config: str = ""
) -> Placement:
    environ = {"TF_CONFIG": config} if config else {}
    return placement(workers=workers, worker_index=worker_index, gpus=gpus, environ=environ)


def test_one_process_is_no_cluster() -> None:
    assert placed() == placed("localhost:2222") == placed(config=tf_config({"worker": ["a:1"]})) == Placement()
    assert placed().is_chief and placed().workers == 1
    assert placed(gpus=4) == Placement(gpus=4)


def test_options_name_the_workers() -> None:
    found = placed("10.0.0.1:2222, 10.0.0.2:2222", 1)
    assert found.cluster == Cluster(addresses=TWO, index=1)
    assert not found.is_chief and found.workers == 2
    assert found.cluster.port == 2222 and found.cluster.name(0) == "the chief (10.0.0.1:2222)"
    assert placed("[::1]:80,[fe80::1]:81", 0).is_chief


def test_tf_config_names_the_workers_a_chief_first() -> None:
    assert placed(config=tf_config({"worker": list(TWO)}, index=1)).cluster == Cluster(addresses=TWO, index=1)
    mixed = {"worker": [TWO[1]], "chief": [TWO[0]]}
    assert placed(config=tf_config(mixed, "worker", 0)).cluster == Cluster(addresses=TWO, index=1)
    assert placed(config=tf_config(mixed, "chief", "0")).cluster == Cluster(addresses=TWO, index=0)


@pytest.mark.parametrize(
    ("workers", "index", "words"),
    [
        ("a:1,b:2", None, "--workers names 2 processes; say with --worker-index which of them this is, from 0 to 1"),
        ("a:1,b:2", 2, "--worker-index 2 is none of the 2 workers; they are counted from 0 to 1"),
        ("a:1,b:2", -1, "--worker-index -1 is none of the 2 workers; they are counted from 0 to 1"),
        ("a:1", 3, "--worker-index 3 is no worker: there is one alone, and its number is 0"),
        ("a:1,b", 0, "--workers needs HOST:PORT for each worker; received 'b'"),
        ("a:1,,b:1", 0, "--workers needs HOST:PORT for each worker; received ''"),
        ("a:1,b:0", 0, "--workers needs HOST:PORT for each worker; received 'b:0'"),
        ("a:1,b:70000", 0, "--workers needs HOST:PORT for each worker; received 'b:70000'"),
        ("a:1,a:1", 0, "--workers names a:1 twice; each worker listens at an address of its own"),
        (None, 1, "--worker-index 1 picks one of the addresses of --workers; give these as well"),
    ],
)
def test_wrong_options_are_named(workers: str | None, index: int | None, words: str) -> None:
    with pytest.raises(ConfigError) as problem:
        placed(workers, index)
    assert str(problem.value) == words


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ("{", "TF_CONFIG is not JSON (Expecting property name"),
        ("[" * 99_999, "TF_CONFIG is not JSON (maximum recursion depth"),
        ("[]", "its cluster is missing"),
        ('{"task": {"type": "worker", "index": 0}}', "its cluster is missing"),
        ('{"cluster": {"worker": ["a:1", "b:1"]}}', "its task is missing"),
        ('{"cluster": 3, "task": {}}', "its cluster is '3'"),
        (tf_config({"worker": "a:1"}), "needs a list of \"HOST:PORT\" as worker of its cluster; received 'a:1'"),
        (tf_config({"worker": [3]}), "received '[3]'"),
        (tf_config({"worker": []}), "TF_CONFIG gives this process index 0, but its cluster has 0 of type worker"),
        (tf_config({}), "TF_CONFIG needs worker as the type of its task; received 'worker'"),
        (tf_config({"worker": ["a:1", "b:1"]}, index=2), "TF_CONFIG gives this process index 2, but its cluster has 2"),
        (tf_config({"worker": ["a:1", "b:1"]}, index=None), "needs a number as the index of its task; received 'null'"),
        (tf_config({"worker": ["a:1", "b:1"]}, index=True), "needs a number as the index of its task; received 'true'"),
        (tf_config({"worker": ["a:1", "b:1"]}, kind="ps"), "needs worker as the type of its task; received 'ps'"),
        (tf_config({"worker": ["a:1", "b:1"]}, kind=["x"]), "TF_CONFIG needs worker as the type of its task; received"),
        (tf_config({"worker": ["a:1"], "ps": ["b:1"]}), "TF_CONFIG has 'ps' in its cluster"),
        (tf_config({"worker": ["a:1"], "chief": ["b:1", "c:1"]}), "TF_CONFIG names 2 chiefs"),
        (tf_config({"worker": ["a:1", "a:1"]}), "TF_CONFIG names a:1 twice"),
        (tf_config({"worker": ["a:1", "b"]}), "TF_CONFIG needs HOST:PORT for each worker; received 'b'"),
    ],
)  # fmt: skip
def test_a_wrong_tf_config_is_one_line(config: str, words: str) -> None:
    with pytest.raises(ConfigError) as problem:
        placed(config=config)
    assert words in str(problem.value)
    assert "\n" not in str(problem.value) and len(str(problem.value)) < 250


def test_workers_are_named_in_one_place() -> None:
    with pytest.raises(ConfigError, match="--workers and TF_CONFIG both name the workers"):
        placed("a:1,b:1", 0, config=tf_config({"worker": ["a:1", "b:1"]}))


def test_less_than_one_gpu_is_refused() -> None:
    with pytest.raises(ConfigError, match="--gpus is 1 or more; received 0"):
        placed(gpus=0)


def test_a_batch_is_divided_equally_or_not_at_all() -> None:
    assert [rows_of(i, parts=3, batch_size=12) for i in range(3)] == [slice(0, 4), slice(4, 8), slice(8, 12)]
    for batch_size, near in ((16, "15 or 18"), (2, "3")):
        with pytest.raises(ConfigError, match=f"{batch_size} streams .* among 3 devices; use --batch-size {near}$"):
            rows_of(0, parts=3, batch_size=batch_size)


def test_addresses_are_taken_apart() -> None:
    assert split_address("host:80") == ("host", 80)
    assert split_address("[::1]:80") == ("::1", 80)


def test_what_one_process_does_is_refused_to_several() -> None:
    refuse_workers(Placement(gpus=2), "--fine-tune")
    with pytest.raises(ConfigError, match=r"^--fine-tune goes with one process alone; leave out --workers and unset"):
        refuse_workers(Placement(cluster=Cluster(addresses=("a:1", "b:1"), index=1)), "--fine-tune")
