"""Expands rules with python-dateutil: a JSON object a line in, a JSON list of local times a line out."""

import datetime
import json
import sys
import types

import dateutil.rrule

# A rule that never matches is looked at until the year 9999, which takes minutes; nobody asks for
# more than 2040.
names = {name: getattr(datetime, name) for name in dir(datetime) if not name.startswith("_")}
dateutil.rrule.datetime = types.SimpleNamespace(**{**names, "MAXYEAR": 2040})


def read(text):
    return datetime.datetime.fromisoformat(text)


for line in sys.stdin:
    asked = json.loads(line)
    rule = dateutil.rrule.rrulestr(asked["rule"], dtstart=read(asked["start"]))
    last = read(asked["to"])
    found = []
    for at in rule.xafter(read(asked["from"]), inc=True):
        if at >= last:
            break
        found.append(at.isoformat())
    print(json.dumps(found))
