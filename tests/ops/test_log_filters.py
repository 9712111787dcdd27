import logging

from brokerlytics.log_filters import NotUnavailable, Throttle


def record(message: str) -> logging.LogRecord:
    return logging.LogRecord("brokerlytics.kafka", logging.ERROR, "", 0, "%s", (message,), None)


def test_a_message_comes_once_in_half_a_minute_whatever_its_numbers() -> None:
    now = 0.0
    throttle = Throttle(lambda: now)
    assert throttle.filter(record("FAIL [c] [thrd:b]: b:1: Connection refused (after 0ms)"))
    assert not throttle.filter(record("FAIL [c] [thrd:b]: b:1: Connection refused (after 1ms)"))
    assert throttle.filter(record("FAIL [c] [thrd:b]: b:1: Disconnected"))
    now = 30.0
    assert throttle.filter(record("FAIL [c] [thrd:b]: b:1: Connection refused (after 2ms)"))


def test_where_in_the_client_it_happened_is_left_out() -> None:
    line = record("FAIL [brokerlytics#producer-1] [thrd:h:1/bootstrap]: h:1/bootstrap: refused [now]")
    assert Throttle().filter(line)
    assert line.getMessage() == "h:1/bootstrap: refused [now]"


def test_an_answer_503_is_not_logged_by_django_too() -> None:
    line = record("Service Unavailable: /readyz")
    line.status_code = 503
    assert not NotUnavailable().filter(line)
    line.status_code = 500
    assert NotUnavailable().filter(line)
