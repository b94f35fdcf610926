"""How a run comes and goes, and what the next command makes of it when its process is killed on the way."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from seqmagic.errors import ConfigError, RunError
from seqmagic.runs import folder as runs
from seqmagic.runs import making
from seqmagic.runs.find import list_runs, open_run
from seqmagic.runs.folder import Run
from seqmagic.runs.making import check_free, create_run, remove_run
from tests.helpers import make_run
from tests.runs import holding

as_a_user = pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may write everywhere")


def names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


def test_default_names_that_are_taken_or_being_trained_get_a_number(models: Path) -> None:
    (models / "a").mkdir()
    made = [create_run(models, name=None, default="a", overwrite=False) for _ in range(2)]
    assert [new.name for new in made] == ["a-2", "a-3"]
    for new in made:
        new.end("failed")
    assert names(models) == ["a"]


def test_a_name_that_is_taken_is_refused_and_a_folder_that_is_no_run_always(tiny_run: Run, models: Path) -> None:
    with pytest.raises(RunError, match="run tiny exists already"):
        create_run(models, name="tiny", default="x", overwrite=False)
    (models / "mine").mkdir()
    for content in ((), ("notes.txt",), ("model.keras", "notes.txt")):
        for file in content:
            (models / "mine" / file).touch()
        with pytest.raises(RunError, match="is not a run"):
            create_run(models, name="mine", default="x", overwrite=True)
    with pytest.raises(ConfigError, match="--name"):
        create_run(models, name=".tiny", default="x", overwrite=True)
    assert names(models) == ["mine", "tiny"]


def test_what_an_older_version_left_of_a_run_blocks_no_name(models: Path) -> None:
    (models / "old").mkdir()
    for file in ("vocabulary.json", ".run-0123abcd.json", "model.keras"):
        (models / "old" / file).touch()
    check_free(models, "old", overwrite=True)
    remove_run(models, "old")
    assert names(models) == []


def test_an_overwritten_run_stays_until_the_new_one_has_weights(tiny_run: Run, models: Path) -> None:
    old = tiny_run.record_path.read_bytes()
    new = create_run(models, name="tiny", default="x", overwrite=True)
    assert [run.name for run in list_runs(models)] == ["tiny"]
    assert tiny_run.record_path.read_bytes() == old
    new.end("failed")
    assert names(models) == ["tiny"]
    assert tiny_run.record_path.read_bytes() == old

    new = create_run(models, name="tiny", default="x", overwrite=True)
    new.run.model_path.write_text("weights")
    new.publish()
    new.publish()
    assert (new.run, names(new.run.path)) == (Run(models / "tiny"), ["model.keras"])
    new.release()
    new.release()
    assert names(models) == ["tiny"]


@pytest.mark.parametrize("status", ["interrupted", "failed"])
def test_a_run_with_weights_says_how_it_ended_unless_it_is_whole(status: str, tiny_run: Run, models: Path) -> None:
    for before, after in (("running", status), ("complete", "complete")):
        new = create_run(models, name="new", default="x", overwrite=True)
        shutil.rmtree(new.run.path)
        make_run(models, new.run.name, source=models.parent / "bottles.txt", status=before)
        new.publish()
        new.end(status)
        assert Run(models / "new").read_record().status == after


def test_a_run_that_is_being_trained_belongs_to_that_training(tiny_run: Run, models: Path) -> None:
    """Also for others of this process, and for all the time until its end."""
    new = create_run(models, name="tiny", default="x", overwrite=True)
    for _ in range(2):
        for refused in (
            lambda: create_run(models, name="tiny", default="x", overwrite=True),
            lambda: check_free(models, "tiny", overwrite=True),
            lambda: remove_run(models, "tiny"),
        ):
            with pytest.raises(RunError, match=r"run tiny is (still )?being trained"):
                refused()
        if not new.is_published:
            new.run.model_path.write_text("weights")
            new.publish()
    new.release()
    remove_run(models, "tiny")
    assert names(models) == []


def test_a_models_folder_that_is_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "models").write_text("x")
    with pytest.raises(RunError, match=r"no run can be made in .*--models"):
        create_run(tmp_path / "models", name=None, default="x", overwrite=False)


# ---------------------------------------------------------------- kills


@pytest.mark.parametrize("act", ["train", "between_renames"])
def test_a_training_killed_before_its_run_is_seen_loses_nothing(act: str, tiny_run: Run, models: Path) -> None:
    old = tiny_run.record_path.read_bytes()
    process = holding.start(act, tiny_run)
    try:
        list_runs(models)  # what a living process owns is left alone
        assert len([name for name in names(models) if ".training-" in name]) == 1
        with pytest.raises(RunError, match="is being trained"):
            check_free(models, "tiny", overwrite=True)
    finally:
        holding.kill(process)
    assert open_run(models, "tiny").read_record().status == "complete"
    assert tiny_run.record_path.read_bytes() == old
    assert names(models) == ["tiny"]
    check_free(models, "tiny", overwrite=True)


def test_a_new_run_killed_before_it_is_seen_leaves_no_trace(models: Path) -> None:
    holding.kill(holding.start("train", Run(models / "new")))
    assert list_runs(models) == []
    assert names(models) == []


@pytest.mark.parametrize("act", ["before_removal", "in_a_write"])
def test_a_training_killed_once_its_run_is_seen_leaves_that(act: str, tiny_run: Run, models: Path) -> None:
    holding.kill(holding.start(act, tiny_run))
    list_runs(models)
    assert names(models) == ["tiny"]
    assert names(tiny_run.path) == ["model.keras", "run.json"]
    assert tiny_run.model_path.read_text() == "new weights"
    remove_run(models, "tiny")
    assert names(models) == []


def test_a_removal_that_was_killed_is_brought_to_its_end(tiny_run: Run, models: Path) -> None:
    holding.kill(holding.start("in_a_removal", tiny_run))
    assert list_runs(models) == []
    assert names(models) == []


def test_halves_of_files_stay_where_a_living_process_writes(tiny_run: Run, models: Path) -> None:
    process = holding.start("in_a_write", tiny_run)
    try:
        open_run(models, "tiny")
        assert ".model-0123abcd.keras" in names(tiny_run.path)
    finally:
        holding.kill(process)
    open_run(models, "tiny")
    assert names(tiny_run.path) == ["model.keras", "run.json"]


@pytest.mark.parametrize(("process", "swept"), [(os.getppid(), False), (2**22 + 1, True), (None, True)])
def test_a_training_of_a_seqmagic_without_locks_keeps_its_files(
    process: int | None, swept: bool, models: Path, text: Path
) -> None:
    run = make_run(models, source=text, status="running", environment={"process": process})
    half = run.path / ".model-0123abcd.keras"
    half.touch()
    list_runs(models)
    assert half.exists() != swept


def test_what_is_not_ours_is_never_swept(tiny_run: Run, models: Path) -> None:
    for path in (models, tiny_run.path):
        for name in (".tiny.retired", ".tiny.training-1", ".DS_Store", ".model-x.keras", ".notes-0123abcd.json"):
            (path / name).mkdir()
    before = names(models), names(tiny_run.path)
    list_runs(models)
    assert (names(models), names(tiny_run.path)) == before


def test_a_hidden_run_does_not_give_way_to_a_folder_without_weights(tiny_run: Run, models: Path) -> None:
    holding.kill(holding.start("between_renames", tiny_run))
    tiny_run.path.mkdir()  # by someone else
    list_runs(models)
    tiny_run.path.rmdir()
    assert open_run(models, "tiny").read_record().status == "complete"


def test_the_next_command_finds_a_run_by_its_path(tiny_run: Run, tmp_path: Path) -> None:
    holding.kill(holding.start("between_renames", tiny_run))
    assert open_run(tmp_path / "elsewhere", str(tiny_run.path)).read_record().status == "complete"


@pytest.mark.parametrize(
    ("status", "alive", "state"),
    [
        ("complete", True, "complete"),
        ("running", True, "running"),
        ("running", False, "died"),
        ("failed", False, "failed"),
    ],
)
def test_a_run_whose_process_is_gone_died(status: str, alive: bool, state: str, models: Path, text: Path) -> None:
    run = make_run(models, source=text, status=status, environment={"process": os.getpid()})
    process = holding.start("train", run)
    if not alive:
        holding.kill(process)
    try:
        assert runs.state_of(run.read_record(), run) == state
        link = models / "link"
        link.symlink_to(run.path)
        assert runs.state_of(run.read_record(), Run(link)) == state
    finally:
        holding.kill(process)


# ---------------------------------------------------------------- removal


def test_a_removed_run_is_gone(tiny_run: Run, models: Path) -> None:
    remove_run(models, "tiny")
    assert names(models) == []
    with pytest.raises(RunError, match="is not a run"):
        remove_run(models, "tiny")


@pytest.mark.parametrize("broken", [False, True])
def test_of_a_link_the_link_alone_is_removed(broken: bool, tiny_run: Run, models: Path) -> None:
    (models / "link").symlink_to("gone" if broken else "tiny")
    remove_run(models, "link")
    assert names(models) == ["tiny"]
    assert tiny_run.has_model


@as_a_user
@pytest.mark.parametrize("locked", [".", "tiny", "tiny/insight"])
def test_where_not_everything_can_be_removed_nothing_is(locked: str, tiny_run: Run, models: Path) -> None:
    tiny_run.insight_path.mkdir()
    (tiny_run.insight_path / "figure.json").touch()
    before = names(tiny_run.path)
    (models / locked).chmod(0o555)
    try:
        with pytest.raises(RunError, match="can't be removed"):
            remove_run(models, "tiny")
        assert (names(models), names(tiny_run.path)) == (["tiny"], before)
    finally:
        (models / locked).chmod(0o755)


def test_a_folder_that_may_not_be_written_in_is_found_before_anything_is_renamed(
    tiny_run: Run, models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For root too, who may do anything: by what the system would say to someone else."""
    monkeypatch.setattr(making.os, "access", lambda path, mode: False)
    with pytest.raises(RunError, match=r"run tiny can't be removed: .* may not be written in"):
        remove_run(models, "tiny")
    assert names(models) == ["tiny"]
