"""Verifies a person with Python's standard library.

    python3 verify.py NIK NAME DD-MM-YYYY PHOTOGRAPH

The exit status is 0 if the person is verified, 1 if something differs, and 2 if there is
no answer. Every user of a machine can see arguments: in a real program a claim comes
from elsewhere.
"""

import base64
import http.client
import json
import os
import sys
import time
import urllib.parse
import uuid


class NoAnswer(Exception):
    """Nothing is known about the person. after is the pause before another attempt, if one makes sense."""

    def __init__(self, text, after=None):
        super().__init__(text)
        self.after = after


def form(fields, photo):
    """Returns a body of multipart/form-data and its Content-Type."""
    boundary = uuid.uuid4().hex
    parts = [(f'name="{name}"', text.encode()) for name, text in fields.items()]
    parts.append(('name="face_image"; filename="photo"', photo))
    body = b"".join(
        f"--{boundary}\r\nContent-Disposition: form-data; {head}\r\n\r\n".encode() + value + b"\r\n" for head, value in parts
    )
    return body + f"--{boundary}--\r\n".encode(), f"multipart/form-data; boundary={boundary}"


def post(headers, body):
    """Asks once. http.client follows no redirects, which would carry the credentials on."""
    url = urllib.parse.urlsplit(os.environ["API_URL"])
    kind = http.client.HTTPSConnection if url.scheme == "https" else http.client.HTTPConnection
    connection = kind(url.netloc, timeout=60)
    try:
        connection.request("POST", url.path.rstrip("/") + "/identity/v1/face-verification", body, headers)
        response = connection.getresponse()
        text = response.read(1 << 20)
    except (OSError, http.client.HTTPException) as e:
        raise NoAnswer(type(e).__name__, after=0) from e
    finally:
        connection.close()
    try:
        answer = json.loads(text)
    except ValueError:
        answer = None
    if not isinstance(answer, dict):
        answer = {}
    if response.status == 200 and "verification_status" in answer:
        return answer
    after = response.getheader("Retry-After", "")
    if not after.isdecimal():  # none, or a date
        after = 0 if response.status in (429, 502, 503, 504) else None
    what = answer.get("guidance", {}).get("en") or answer.get("reason") or answer.get("error")
    raise NoAnswer(f"{response.status} {what}", after=None if after is None else int(after))


def verify(nik, name, date_of_birth, path):
    """Asks up to four times, with one Idempotency-Key."""
    with open(path, "rb") as f:
        body, content_type = form({"nik": nik, "name": name, "date_of_birth": date_of_birth}, f.read())
    user = f"{os.environ['API_USERNAME']}:{os.environ['API_PASSWORD']}"
    key = str(uuid.uuid4())
    headers = {
        "Authorization": "Basic " + base64.b64encode(user.encode()).decode(),
        "x-api-key": os.environ["API_KEY"],
        "Content-Type": content_type,
        "Idempotency-Key": key,
        "X-Request-Id": key,
    }
    for attempt in range(4):
        try:
            return post(headers, body)
        except NoAnswer as e:
            if e.after is None or attempt == 3:
                raise
            time.sleep(max(e.after, 2**attempt))


try:
    answer = verify(*sys.argv[1:5])
except Exception as e:  # any: Python's own exit status is 1
    sys.exit(print("no answer:", e if isinstance(e, NoAnswer) else type(e).__name__, file=sys.stderr) or 2)
if not answer["verification_status"]:
    sys.exit(print("not verified:", answer["reason"]) or 1)
print("verified:", answer["result"]["face_image_percentage"])
