"""Africa's Talking's Python SDK against the simulators.

Usage: python africastalking_python.py http://127.0.0.1:8090
"""

import sys
import urllib.request
import json

import africastalking

RIDER = "+254711000001"
OURS = "+254711082000"


def check(what, passed, seen):
    print("ok  " if passed else "FAIL", what, "" if passed else repr(seen))
    return passed


def control(base, path, body=None):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(base + path, data=data, headers={"Content-Type": "application/json"})
    with urllib.request.urlopen(request) as answer:
        return json.loads(answer.read() or b"null")


def main(base):
    africastalking.initialize("sandbox", "demo")
    sms, voice = africastalking.SMS, africastalking.Voice
    application, token = africastalking.Application, africastalking.Token
    sms._baseUrl = sms._contentUrl = application._baseUrl = base + "/version1"
    voice._baseUrl = token._baseUrl = base

    passed = []

    sent = sms.send("Habari", [RIDER, "+254711000002"], "22384", enqueue=True)
    rows = sent["SMSMessageData"]["Recipients"]
    passed.append(check("SMS.send", len(rows) == 2 and rows[0]["statusCode"] == 102, sent))

    sent = sms.send_premium("Habari", "22384", [RIDER], keyword="BAL", link_id="1")
    passed.append(check("SMS.send_premium", sent["SMSMessageData"]["Message"] == "Sent to 1/1", sent))

    sent = sms.send("Habari", [RIDER], "NOBODY")
    refused = sent["SMSMessageData"]
    passed.append(check("SMS.send, strange sender", refused == {"Message": "InvalidSenderId", "Recipients": []}, sent))

    hashed = "7132104d6aae9c3fac82095a42c2817952bca48e09d98d5bf4ac08218982fb90"
    control(base, "/phones/254712345678")
    sent = sms.send_hashed("Habari", hashed, "22384")
    passed.append(check("SMS.send_hashed", sent["SMSMessageData"]["Recipients"][0]["statusCode"] == 102, sent))

    control(base, "/phones/254711000001/sms", {"to": "22384", "text": "BAL"})
    fetched = sms.fetch_messages(0)
    texts = [message["text"] for message in fetched["SMSMessageData"]["Messages"]]
    passed.append(check("SMS.fetch_messages", "BAL" in texts, fetched))

    made = sms.create_safaricom_subscription(
        short_code="22384", keyword="RIDER", redirect_url="https://example.test/done"
    )
    passed.append(check("SMS.create_safaricom_subscription", made["status"] == "Success", made))

    data = application.fetch_application_data()
    passed.append(check("Application.fetch_application_data", data["UserData"]["balance"].startswith("KES "), data))

    made = token.generate_auth_token()
    passed.append(check("Token.generate_auth_token", made["token"] != "None", made))

    called = voice.call(OURS, [RIDER])
    passed.append(check("Voice.call", called["entries"][0]["status"] == "Queued", called))

    queued = voice.fetch_queued_calls(OURS)
    passed.append(check("Voice.fetch_queued_calls", queued["status"] == "Success", queued))

    uploaded = voice.media_upload(OURS, "https://example.test/prompt.mp3")
    passed.append(check("Voice.media_upload", uploaded["errorMessage"] == "None", uploaded))

    sms._headers = dict(sms._headers, apiKey="wrong")
    try:
        sent = sms.send("Habari", [RIDER])
        passed.append(check("SMS.send, wrong key", False, sent))
    except Exception as error:
        text = str(error)
        passed.append(check("SMS.send, wrong key", text == "The supplied authentication is invalid", text))

    return 0 if all(passed) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1].rstrip("/")))
