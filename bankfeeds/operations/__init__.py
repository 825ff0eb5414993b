"""Everything that changes a feed: connections and their certificates, pulls, findings."""

from bankfeeds.operations.backfills import backfill, stop_backfill
from bankfeeds.operations.connections import (
    BadConnection,
    NewConnection,
    activate_connection,
    begin_testing_if_ready,
    close_connection,
    create_connection,
    generate_csr,
    install_certificate,
    pause_connection,
    request_certificate,
    resume_connection,
    set_legal_hold,
)
from bankfeeds.operations.dispatch import queue_due_pulls
from bankfeeds.operations.findings import accept_finding, resolve_finding
from bankfeeds.operations.hosts import call_host_again, tell_of_outages
from bankfeeds.operations.keys import prove_keys
from bankfeeds.operations.lateness import judge_late_feeds
from bankfeeds.operations.notes import add_note, add_note_today, link_note
from bankfeeds.operations.pulls import (
    PullHeld,
    PullInProgress,
    answer_held_pull,
    pull_now,
    retry_pull,
    start_pull,
)
from bankfeeds.operations.quarantine import retry_rejected
from bankfeeds.operations.schedules import set_schedule
from bankfeeds.operations.undo import undo_pull
from bankfeeds.operations.validation import Compared, compare_export, record_validation_pack

__all__ = [
    "BadConnection",
    "Compared",
    "NewConnection",
    "PullHeld",
    "PullInProgress",
    "accept_finding",
    "activate_connection",
    "add_note",
    "add_note_today",
    "answer_held_pull",
    "backfill",
    "begin_testing_if_ready",
    "call_host_again",
    "close_connection",
    "compare_export",
    "create_connection",
    "generate_csr",
    "install_certificate",
    "judge_late_feeds",
    "link_note",
    "pause_connection",
    "prove_keys",
    "pull_now",
    "queue_due_pulls",
    "record_validation_pack",
    "request_certificate",
    "resolve_finding",
    "resume_connection",
    "retry_pull",
    "retry_rejected",
    "set_legal_hold",
    "set_schedule",
    "start_pull",
    "stop_backfill",
    "tell_of_outages",
    "undo_pull",
]
