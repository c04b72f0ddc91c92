"""Expands rules with python-dateutil: a JSON object a line in, a JSON list of local times a line out."""

import json
import sys
from datetime import datetime

from dateutil.rrule import rrulestr

for line in sys.stdin:
    asked = json.loads(line)
    start = datetime.fromisoformat(asked["start"])
    first = datetime.fromisoformat(asked["from"])
    last = datetime.fromisoformat(asked["to"])
    rule = rrulestr(asked["rule"], dtstart=start)
    found = []
    for at in rule.xafter(first, inc=True):
        if at >= last:
            break
        found.append(at.isoformat())
    print(json.dumps(found))
