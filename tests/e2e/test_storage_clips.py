"""Goal: clips of alarms are videos that anybody can play, and hold the right packets, bit for bit.
Method: made streams (and real ones) through ClipRecorder (tools/record_clips.cpp); ffprobe and
ffmpeg, another build of the program's own library, read what came out: packets, times, pictures."""
import json
import subprocess

import pytest
from program import BUILD, run_tool

TOOL = BUILD / "record_clips"


def record(source, folder, *options):
    """What became of the alarms, as the tool prints it."""
    if not TOOL.exists():
        pytest.fail(f"no program at {TOOL}; `make build` makes it")
    return json.loads(run_tool([TOOL, source, folder, *options], timeout=120).stdout)


def ffmpeg(*arguments):
    run_tool(["ffmpeg", "-v", "error", "-y", "-nostdin", *arguments], timeout=120)


def make(path, *encoder, seconds=8, rate=25, size="320x240", extra=()):
    """A moving test picture with a clock in it."""
    ffmpeg("-f", "lavfi", "-i", f"testsrc2=size={size}:rate={rate}:duration={seconds}", *encoder,
           *extra, path)
    return path


def probe(path):
    """The stream and its packets, with the hashes of their bytes."""
    done = run_tool(["ffprobe", "-v", "error", "-select_streams", "v:0", "-show_streams",
                     "-show_packets", "-show_data_hash", "md5", "-of", "json", path])
    seen = json.loads(done.stdout)
    return seen["streams"][0], seen["packets"]


def frames(path, *before):
    """MD5 of every decoded frame, in the order of showing. Fails where a frame is damaged."""
    done = run_tool(["ffmpeg", "-v", "error", "-nostdin", *before, "-i", path, "-an",
                     "-fps_mode", "passthrough", "-f", "framemd5", "-"])
    assert done.stderr == ""
    return [line.split(",")[-1].strip() for line in done.stdout.splitlines() if line[0] != "#"]


def check_times(stream, packets):
    """Decoding times rise, nothing is shown before it is decoded, showing starts at 0."""
    decoded = [int(packet["dts"]) for packet in packets]
    shown = sorted(int(packet["pts"]) for packet in packets)
    assert decoded == sorted(set(decoded))
    assert all(int(packet["pts"]) >= int(packet["dts"]) for packet in packets)
    assert len(set(shown)) == len(shown)
    assert float(stream["start_time"]) == pytest.approx(0, abs=1e-3)
    assert "K" in packets[0]["flags"]


X264 = ("-c:v", "libx264", "-g", "25", "-keyint_min", "25", "-sc_threshold", "0", "-pix_fmt",
        "yuv420p")
KINDS = {
    "h264": ("mp4", (*X264, "-bf", "0")),
    "h264 with B-frames": ("mp4", (*X264, "-bf", "3", "-b_strategy", "0")),
    "h264 with pyramid": ("mkv", (*X264, "-bf", "4", "-x264-params", "b-pyramid=normal")),
    "h264 in TS": ("ts", (*X264, "-bf", "2")),
    "hevc": ("mp4", ("-c:v", "libx265", "-x265-params",
                     "keyint=25:min-keyint=25:bframes=3:log-level=error")),
    "mjpeg": ("avi", ("-c:v", "mjpeg", "-q:v", "4")),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_clip_holds_the_packets_around_the_alarm_bit_for_bit(kind, tmp_path):
    suffix, encoder = KINDS[kind]
    source = make(tmp_path / f"source.{suffix}", *encoder)
    report = record(source, tmp_path / "clips", "--alarms", "4.5", "--before", "2", "--after", "1")
    assert (report["clips"], report["clips_failed"]) == (1, 0)
    clip = tmp_path / "clips" / f"{report['history'][0]['id']}.mp4"
    assert report["history"][0]["clip_ready"] is True
    stream, packets = probe(clip)
    check_times(stream, packets)
    # From the key frame at 2 s (every second one; MJPEG: at 2.5 s) to 5.5 s.
    length = 3.0 if kind == "mjpeg" else 3.5
    assert float(stream["duration"]) == pytest.approx(length, abs=0.17)
    pictures, whole = frames(clip), frames(source)
    begin = whole.index(pictures[0])
    assert begin == round((5.5 - length) * 25)
    assert pictures[:70] == whole[begin:begin + 70]
    if suffix != "ts":  # whose packets have start codes, where MP4's have lengths
        original = {packet["data_hash"] for packet in probe(source)[1]}
        assert all(packet["data_hash"] in original for packet in packets)
    # The index is in front: players need not have the whole file.
    head = clip.read_bytes()[:64]
    assert b"ftyp" in head and (b"moov" in head or b"free" in head)
    assert clip.read_bytes().find(b"moov") < clip.read_bytes().find(b"mdat")


def test_the_rhythm_of_a_camera_is_kept(tmp_path):
    """A stream that skips frames: times are the source's, to the tick."""
    source = make(tmp_path / "source.mp4", *X264, "-bf", "2", extra=(
        "-vf", "select='not(mod(n,7))+not(mod(n,3))'", "-fps_mode", "passthrough"))
    report = record(source, tmp_path / "clips", "--alarms", "4", "--before", "2", "--after", "2")
    _, packets = probe(tmp_path / "clips" / f"{report['history'][0]['id']}.mp4")
    _, original = probe(source)
    shown = {packet["data_hash"]: float(packet["pts_time"]) for packet in original}
    times = [(shown[packet["data_hash"]], float(packet["pts_time"])) for packet in packets]
    assert len(times) > 20
    for here, there in times:
        assert here - times[0][0] == pytest.approx(there - times[0][1], abs=2e-4)


def test_overlapping_alarms_a_late_alarm_and_one_at_the_start(tmp_path):
    source = make(tmp_path / "source.mp4", *X264)
    report = record(source, tmp_path / "clips", "--alarms", "0,3,3.5,7.9", "--before", "1",
                    "--after", "2")
    assert report["clips"] == 4
    lengths = [float(probe(tmp_path / "clips" / f"{alarm['id']}.mp4")[0]["duration"])
               for alarm in reversed(report["history"])]
    assert lengths == [pytest.approx(length, abs=0.17) for length in (2, 3, 3.5, 2)]  # at 6 to 8 s


def test_a_lost_connection_ends_a_clip_and_the_next_one_begins_behind_it(tmp_path):
    source = make(tmp_path / "source.mp4", *X264)
    report = record(source, tmp_path / "clips", "--alarms", "3,5", "--before", "1", "--after", "3",
                    "--interrupt", "4")
    first, second = [tmp_path / "clips" / f"{alarm['id']}.mp4"
                     for alarm in reversed(report["history"])]
    whole = frames(source)
    assert frames(first) == whole[50:100]
    assert frames(second)[0] == whole[100]


def test_a_file_that_plays_again_and_again_makes_clips_over_its_end(tmp_path):
    source = make(tmp_path / "source.mp4", *X264, seconds=3)
    report = record(source, tmp_path / "clips", "--alarms", "5", "--before", "3", "--after", "3",
                    "--loop", "--stop", "9")
    clip = tmp_path / "clips" / f"{report['history'][0]['id']}.mp4"
    stream, packets = probe(clip)
    check_times(stream, packets)
    whole, pictures = frames(source), frames(clip)
    assert float(stream["duration"]) == pytest.approx(6, abs=0.2)
    assert pictures[:125] == (whole * 3)[50:175]


def test_frames_of_a_source_without_packets_become_h264(tmp_path):
    report = record("synthetic:pcb?size=1280x720&fps=25&seed=1&frames=150", tmp_path / "clips",
                    "--alarms", "3", "--before", "2", "--after", "1")
    clip = tmp_path / "clips" / f"{report['history'][0]['id']}.mp4"
    stream, packets = probe(clip)
    check_times(stream, packets)
    assert (stream["codec_name"], stream["width"], stream["height"]) == ("h264", 640, 360)
    assert float(stream["duration"]) == pytest.approx(3, abs=0.25)
    assert 25 <= len(packets) <= 32  # ten a second, of 25
    assert len(frames(clip)) == len(packets)
    assert clip.read_bytes().find(b"moov") < clip.read_bytes().find(b"mdat")


def test_memory_is_bounded_and_clips_begin_later_where_it_is_short(tmp_path):
    source = make(tmp_path / "source.mp4", *X264, "-b:v", "4M")
    clip_of = {}
    for name, memory in (("all", 32 << 20), ("short", source.stat().st_size // 3)):
        # At the end: the tool is faster than any camera, and would overrun the disk.
        done = run_tool([TOOL, source, tmp_path / name, "--alarms", "7.9", "--before", "5",
                         "--after", "1", "--memory-max", str(memory)])
        assert int(done.stderr.split()[1]) < memory + (1 << 20)
        clip_of[name] = tmp_path / name / f"{json.loads(done.stdout)['history'][0]['id']}.mp4"
    lengths = {name: float(probe(clip)[0]["duration"]) for name, clip in clip_of.items()}
    assert lengths["all"] == pytest.approx(6, abs=0.2)  # from 2 s to the end at 8 s
    assert 1 < lengths["short"] < 5
    assert frames(clip_of["short"])[-20:] == frames(clip_of["all"])[-20:]


def test_real_streams(zoo, tmp_path):
    for name in ("carnd_test_small2", "one-by-one-person-detection",
                 "carnd_small2_up1920x1080_h264"):
        path = zoo / "video" / f"{name}.mp4"
        report = record(path, tmp_path / path.stem, "--alarms", "2", "--before", "1", "--after",
                        "1")
        clip = tmp_path / path.stem / f"{report['history'][0]['id']}.mp4"
        stream, packets = probe(clip)
        check_times(stream, packets)
        _, original = probe(path)
        shown = {packet["data_hash"]: int(packet["pts"]) for packet in original}
        begin = sorted(shown.values()).index(shown[packets[0]["data_hash"]])
        # A clip has no edit list: frames that the source's hides are seen.
        whole = frames(path, "-ignore_editlist", "1", "-t", "4")
        assert frames(clip)[:10] == whole[begin:begin + 10], path.name


def test_a_full_disk_gives_no_clips_and_a_bounded_folder_keeps_the_newest(tmp_path):
    source = make(tmp_path / "source.mp4", *X264, "-b:v", "2M")
    alarms = ",".join(str(0.7 * i) for i in range(1, 11))
    options = ("--alarms", alarms, "--before", "1", "--after", "0.5")
    all_bytes = record(source, tmp_path / "all", *options)["bytes"]
    report = record(source, tmp_path / "some", *options, "--bytes-max", str(all_bytes // 2))
    assert report["removed"] > 0 and report["bytes"] <= all_bytes // 2
    kept = [alarm["message"] for alarm in report["history"]]
    assert kept[0].startswith("alarm 9 ") and len(kept) == 10 - report["removed"]
    on_disk = sum(path.stat().st_size for path in (tmp_path / "some").iterdir())
    assert on_disk == report["bytes"]
    refused = record(source, tmp_path / "none", *options, "--free-min", str(1 << 60))
    assert (refused["clips"], refused["clips_refused"], refused["alarms"]) == (0, 10, 10)
    assert all(alarm["clip"] is None for alarm in refused["history"])


def test_a_small_disk_really_full(tmp_path):
    """A file system of one megabyte, where this machine lets tests mount one."""
    source = make(tmp_path / "source.mp4", *X264, "-b:v", "4M", size="640x480")
    disk = tmp_path / "disk"
    disk.mkdir()
    script = (f"mount -t tmpfs -o size=1m tmpfs {disk} && {TOOL} {source} {disk}/clips "
              "--alarms 3,6 --before 2 --after 1; ls -A " + f"{disk}/clips >&2")
    probe_mount = subprocess.run(["unshare", "-m", "sh", "-c",
                                  f"mount -t tmpfs -o size=1m tmpfs {disk}"], capture_output=True)
    if probe_mount.returncode != 0:
        pytest.skip(f"mounting is not allowed here: {probe_mount.stderr.decode().strip()}")
    done = run_tool(["unshare", "-m", "sh", "-c", script])
    report = json.loads(done.stdout)
    assert report["clips_failed"] == 2 and report["alarms"] == 2
    assert "No space left on device" in done.stderr
    assert ".part" not in done.stderr.split("once until writing works again)")[-1]


def test_the_history_survives_and_rubbish_in_it_does_no_harm(tmp_path):
    source = make(tmp_path / "source.mp4", *X264, seconds=4)
    before = record(source, tmp_path / "clips", "--alarms", "1,2,3", "--before", "1", "--after",
                    "1")
    names = sorted(path.name for path in (tmp_path / "clips").glob("*.json"))
    (tmp_path / "clips" / names[1]).write_bytes(b"\xff\x00{")
    (tmp_path / "clips" / "1795248000000-cam-9.mp4.part").write_bytes(b"half")
    after = record(tmp_path / "clips", "--history")
    assert [alarm["id"] for alarm in after["history"]] == [
        alarm["id"] for alarm in before["history"] if alarm["id"] + ".json" != names[1]]
    assert all(alarm["clip_ready"] for alarm in after["history"])
    assert not list((tmp_path / "clips").glob("*.part"))
