"""A public Daraja client, mpesakit, against the simulators.

Usage: python daraja_python.py http://127.0.0.1:8090
"""

import base64
import json
import sys
import time
import urllib.request

from mpesakit import MpesaClient
from mpesakit.b2c.schemas import B2CCommandIDType

RIDER = "254711000001"
PASSKEY = "0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796a5b4c3d2e1f0"


def check(what, passed, seen):
    print("ok  " if passed else "FAIL", what, "" if passed else repr(seen))
    return passed


def control(base, path, body=None):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(base + path, data=data, headers={"Content-Type": "application/json"})
    with urllib.request.urlopen(request) as answer:
        return json.loads(answer.read() or b"null")


def main(base):
    client = MpesaClient("demo", "demo", environment="sandbox", use_session=False)
    client.http_client.base_url = base
    passed = []

    pushed = client.stk_push(
        business_short_code=600123,
        transaction_type="CustomerPayBillOnline",
        amount=200,
        party_a=RIDER,
        party_b="600123",
        phone_number=RIDER,
        callback_url="https://hooks.example.test/pay/demo/stk/aa",
        account_reference="KSA10001",
        transaction_desc="welfare",
        passkey=PASSKEY,
    )
    passed.append(check("stk_push", pushed.is_successful(), pushed))

    control(base, f"/phones/{RIDER}/prompt?wait_ms=10000")
    answered = control(base, f"/phones/{RIDER}/prompt", {"answer": "approve"})
    passed.append(check("the prompt is approved", answered["result_code"] == 0, answered))

    queried = client.stk_query(
        business_short_code=600123, checkout_request_id=pushed.CheckoutRequestID, passkey=PASSKEY
    )
    passed.append(check("stk_query", queried.is_successful() and str(queried.ResultCode) == "0", queried))

    registered = client.c2b.register_url(
        short_code=600123,
        response_type="Completed",
        confirmation_url="https://hooks.example.test/pay/demo/c2b/confirmation",
        validation_url="https://hooks.example.test/pay/demo/c2b/validation",
    )
    passed.append(check("c2b.register_url", registered.is_successful(), registered))

    # The simulators take any credential that can be one RSA block: they have no certificate.
    credential = base64.b64encode(bytes(256)).decode()
    urls = {
        "result_url": "https://hooks.example.test/pay/demo/b2c/aa/result",
        "queue_timeout_url": "https://hooks.example.test/pay/demo/b2c/aa/timeout",
    }
    paid = client.b2c.send_payment(
        originator_conversation_id=f"KS-{time.time_ns()}",
        initiator_name="kwastage",
        security_credential=credential,
        command_id=B2CCommandIDType.BusinessPayment,
        amount=100,
        party_a="600124",
        party_b=RIDER,
        remarks="Claim",
        **urls,
    )
    passed.append(check("b2c.send_payment", paid.is_successful(), paid))

    asked = client.transactions.query_status(
        initiator="kwastage",
        security_credential=credential,
        transaction_id=control(base, "/sim/ledger")[-1]["receipt"],
        party_a=600124,
        identifier_type=4,
        remarks="Check",
        **urls,
    )
    passed.append(check("transactions.query_status", asked.is_successful(), asked))

    return 0 if all(passed) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1].rstrip("/")))
