"""Small folders in the official layouts of public data sets, and spaces that never learned to try them with."""

import json
from pathlib import Path

import h5py
import numpy as np
import soundfile
from PIL import Image
from scipy.io import savemat


def write_csv(path: Path, lines: list[str], *, encoding: str = "utf-8") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n", encoding=encoding)


def write_sound(path: Path, seed: int, *, seconds: float = 0.3) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, np.random.default_rng(seed).normal(0, 0.1, int(16000 * seconds)), 16000)


def esc50(folder: Path) -> Path:
    clips = [("1-100-A-0.wav", 1, "dog", 100), ("1-100-B-0.wav", 1, "dog", 100), ("2-7-A-21.wav", 2, "sneezing", 7)]
    clips.append(("3-9-A-49.wav", 3, "hand_saw", 9))
    lines = [f"{name},{fold},0,{category},False,{source},A" for name, fold, category, source in clips]
    write_csv(folder / "ESC-50-master/meta/esc50.csv", ["filename,fold,target,category,esc10,src_file,take", *lines])
    for seed, (name, *_) in enumerate(clips):
        write_sound(folder / "ESC-50-master/audio" / name, seed)
    return folder


def clotho(folder: Path, *, empty: bool = False) -> Path:
    names = ["Rain, on a roof.wav", "crow.wav", "bells.wav"]
    lines, facts = [], []
    for number, name in enumerate(names):
        captions = [f"sound {number} heard in way {way}" for way in range(5)]
        if empty and number == 1:
            captions[2] = " "
        lines.append(f'"{name}",' + ",".join(captions))
        facts.append(f'"{name}",words,{number + 40 if number else "Not found"},link,0,Jürgen,licence')
        write_sound(folder / "evaluation" / name, number)
    head = "file_name," + ",".join(f"caption_{number}" for number in range(1, 6))
    write_csv(folder / "clotho_captions_evaluation.csv", [head, *lines])
    head = "file_name,keywords,sound_id,sound_link,start_end_samples,manufacturer,license"
    write_csv(folder / "clotho_metadata_evaluation.csv", [head, *facts], encoding="latin-1")
    return folder


def audiocaps(folder: Path, *, vggsound: bool = True) -> Path:
    clips = [
        ("aaaaaaaaaaa", 30, "a dog barks"),
        ("-bbbbbbbbbb", 0, "rain"),
        ("ccccccccccc", 70, "a bell"),
        ("gone", 5, "x"),
    ]
    lines = [f"{n}{way},{clip},{start},{text} {way}" for n, (clip, start, text) in enumerate(clips) for way in range(5)]
    write_csv(folder / "test.csv", ["audiocap_id,youtube_id,start_time,caption", *lines])
    for seed, name in enumerate(("aaaaaaaaaaa.wav", "Y-bbbbbbbbbb.flac", "ccccccccccc_70000.wav")):
        write_sound(folder / "audio" / name, seed)
    if vggsound:
        write_csv(folder / "vggsound.csv", ['ccccccccccc,10,"church bell ringing",train', "other,1,dog,test"])
    return folder


def nyu(folder: Path) -> Path:
    kinds = ["kitchen", "bedroom", "cafe", "excercise_room", "kitchen", "home_office"]
    places = [f"{kind}_000{number // 4}" for number, kind in enumerate(kinds)]
    places[4] = places[0]
    random = np.random.default_rng(0)
    folder.mkdir(parents=True, exist_ok=True)
    with h5py.File(folder / "nyu_depth_v2_labeled.mat", "w") as file:
        file["images"] = random.integers(0, 255, (len(kinds), 3, 40, 30), np.uint8)
        file["depths"] = random.uniform(1, 5, (len(kinds), 40, 30)).astype(np.float32)
        for name, texts in (("scenes", places), ("sceneTypes", kinds)):
            references = file.create_dataset(name, (1, len(texts)), h5py.ref_dtype)
            for number, text in enumerate(texts):
                cell = file.create_dataset(
                    f"#refs#/{name}{number}", data=np.array([[ord(one)] for one in text], np.uint16)
                )
                references[0, number] = cell.ref
    savemat(folder / "splits.mat", {"trainNdxs": [[1], [6]], "testNdxs": [[2], [3], [4], [5]]})
    return folder


def sun(folder: Path) -> Path:
    places = {
        "kv1/NYUdata/NYU0001": ("bedroom", "test"),
        "xtion/sun3ddata/hall/seq_1/0001": ("dining_room", "test"),
        "xtion/sun3ddata/hall/seq_1/0002": ("dining_room", "test"),
        "kv2/kinect2data/000002": ("dinette", "test"),
        "realsense/lg/a": ("lab", "train"),
        "realsense/lg/lost": ("lab", "test"),
    }
    for number, (place, (scene, _)) in enumerate(places.items()):
        if place.endswith("lost"):
            continue
        here = folder / "SUNRGBD" / place
        for name in ("image", "depth_bfx"):
            (here / name).mkdir(parents=True)
        random = np.random.default_rng(number)
        Image.fromarray(random.integers(0, 255, (20, 30, 3), np.uint8)).save(here / "image" / "0.jpg")
        mm = random.integers(700, 7900, (20, 30)).astype(np.uint16)
        mm[0, 0], mm[0, 1] = 0, 8100
        Image.fromarray((mm << np.uint16(3)) | (mm >> np.uint16(13))).save(here / "depth_bfx" / "0.png")
        np.save(folder / f"mm{number}.npy", mm)
        (here / "scene.txt").write_text(scene)
        (here / "intrinsics.txt").write_text("529.5 0 365 0 529.5 265 0 0 1")
    cells = {"alltrain": [], "alltest": []}
    for place, (_, split) in places.items():
        cells[f"all{split}"].append(f"/n/fs/sun3d/data/SUNRGBD/{place}")
    toolbox = folder / "SUNRGBDtoolbox" / "traintestSUNRGBD"
    toolbox.mkdir(parents=True)
    savemat(toolbox / "allsplit.mat", {name: np.array(own, object) for name, own in cells.items()})
    return folder


def llvip(folder: Path) -> Path:
    boxes = {"010001": [(5, 5, 15, 30)], "190001": [(40, 10, 55, 40), (2, 2, 12, 22)], "190002": [(0, 0, 64, 48)]}
    for number, (name, own) in enumerate(boxes.items()):
        split = "train" if name.startswith("01") else "test"
        for kind in ("visible", "infrared"):
            (folder / "LLVIP" / kind / split).mkdir(parents=True, exist_ok=True)
            grey = np.random.default_rng(number).integers(0, 255, (48, 64, 1), np.uint8).repeat(3, 2)
            Image.fromarray(grey).save(folder / "LLVIP" / kind / split / f"{name}.jpg", quality=95)
        objects = "".join(
            f"<object><name>person</name><bndbox><xmin>{a}</xmin><ymin>{b}</ymin><xmax>{c}</xmax><ymax>{d}</ymax></bndbox>"
            "</object>"
            for a, b, c, d in own
        )
        write_csv(folder / "LLVIP" / "Annotations" / f"{name}.xml", [f"<annotation>{objects}</annotation>"])
    Image.new("RGB", (8, 8)).save(folder / "LLVIP" / "visible" / "test" / "200001.jpg")
    return folder


def imu_lines(seconds: float, *, start_ms: float = 0.0, seed: int = 0) -> list[str]:
    random = np.random.default_rng(seed)
    times = start_ms + np.arange(int(seconds * 201)) * 1000 / 201
    numbers = random.normal([0, 0, 0, 0, 0, 9.8], 1, (len(times), 6))
    return [f"0,{time},{time}," + ",".join(map(str, row)) for time, row in zip(times, numbers, strict=True)]


IMU_HEAD = "component_idx,component_timestamp_ms,canonical_timestamp_ms,gyro_x,gyro_y,gyro_z,accl_x,accl_y,accl_z"


def ego4d(folder: Path) -> Path:
    """Wearers 2 and 6 stand in the test, videos without one here in training."""
    videos = [
        {"video_uid": "v1", "scenarios": ["Cooking"], "fb_participant_id": 2, "duration_sec": 12, "has_imu": True},
        {"video_uid": "v2", "scenarios": ["Cycling"], "fb_participant_id": 6, "duration_sec": 10, "has_imu": True},
        {"video_uid": "v3", "scenarios": ["Cooking", "Eating"], "duration_sec": 9, "has_imu": True},
        {"video_uid": "v4", "scenarios": ["Sailing"], "fb_participant_id": None, "duration_sec": 9, "has_imu": True},
        {"video_uid": "v5", "scenarios": ["Drums"], "fb_participant_id": 5, "duration_sec": 9, "has_imu": False},
    ]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "ego4d.json").write_text(json.dumps({"videos": videos}))
    first = imu_lines(12)
    first[3], first[4] = first[4], first[3]  # out of order
    first.append("0,99999999999.0,,0,0,0,0,0,9")  # outside the video, without its clock
    second = [line for line in imu_lines(10, seed=1) if not 6000 < float(line.split(",")[2]) < 6200]  # a gap
    write_csv(folder / "v2/imu/v1.csv", [IMU_HEAD, *first])
    write_csv(folder / "v2/imu/v2.csv", [IMU_HEAD, *second])
    write_csv(folder / "v2/imu/v3.csv", [IMU_HEAD, *imu_lines(9)])
    return folder
