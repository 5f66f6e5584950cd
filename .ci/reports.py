"""Judges the reports of Autobahn's cases: every case passed, and closed with a code that the case names.

reports.py NAME FOLDER server|client
"""

import glob
import json
import sys

name, folder, tested = sys.argv[1:]
reports = [json.load(open(path)) for path in glob.glob(folder + "/*_case_*.json")]
fine = {"OK", "NON-STRICT", "INFORMATIONAL"}
failed = [r["id"] for r in reports if r["behavior"] not in fine or r["behaviorClose"] not in fine]
wrong_code = []
if tested == "server":
    for report in reports:
        # An empty close frame is answered with an empty one.
        wanted = report["expectedClose"]["closeCode"] + ([None] if report["id"] == "7.3.1" else [])
        if report["remoteCloseCode"] not in wanted:
            wrong_code.append((report["id"], report["remoteCloseCode"], wanted))
print(f"{name}: {len(reports)} cases, {len(failed)} failed, {len(wrong_code)} closed with a wrong code")
assert len(reports) == 301 and not failed and not wrong_code, (failed, wrong_code)
