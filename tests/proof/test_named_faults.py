"""Sixty-five things that go wrong, by name, each with the tests that make it go wrong, or the reason why none does.

A test is named by its function, wherever in the tree it stands. `at` names moments of the matrix in
`test_every_point.py`, where real processes are killed, stopped and cut off.
"""

import ast
from dataclasses import dataclass
from pathlib import Path

import pytest
from test_every_point import MATRIX, Death

from dissem.queue.points import Point

TESTS = Path(__file__).parents[1]
EVERY_POINT = "test_after_any_death_at_any_point_there_is_one_post_or_it_is_held"
TORTURE = "test_daemons_killed_at_random_under_load_post_nothing_twice_and_lose_nothing"
MACHINE = "test_whatever_happens_nothing_is_public_twice_or_lost_unseen"
MODEL = "test_nothing_goes_wrong_and_everything_comes_to_an_end"


@dataclass(frozen=True)
class Fault:
    """*tests*: functions. *at*: points of the matrix, where the process goes by *death*. *why*: what no test tries, and
    why not."""

    name: str
    tests: tuple[str, ...] = ()
    at: tuple[Point, ...] = ()
    death: Death = Death.KILLED
    why: str = ""


P = Point
FAULTS = (
    # The process dies
    Fault("killed before its claim is committed", at=(P.BEFORE_CLAIM,)),
    Fault("killed between claim and attempt", at=(P.CLAIMED_TO_PREPARE, P.AFTER_STEP, P.AFTER_RECORD)),
    Fault("killed between the attempt and the first byte", at=(P.CLAIMED_TO_PUBLISH, P.BEFORE_PUBLISH)),
    Fault("killed in the midst of the request", ("test_after_kill_9_in_step_after_step_there_is_one_post", TORTURE)),
    Fault(
        "killed after the request, before the answer",
        (
            "test_after_kill_9_there_is_one_post_and_it_is_published",
            "test_after_kill_9_what_cannot_be_looked_up_is_held_and_says_what_to_do",
        ),
    ),
    Fault("killed with the answer in hand", at=(P.AFTER_PUBLISH, P.BEFORE_RECORD, P.BEFORE_BATCH)),
    Fault(
        "killed between two records of one outcome",
        ("test_an_outcome_that_could_not_be_written_is_looked_up_later",),
        (P.IN_RECORD, P.IN_BATCH),
        why="there is one record, the row: what it lacks is looked up at the platform",
    ),
    Fault("killed after the outcome, before others are told", at=(P.AFTER_RECORD, P.AFTER_BATCH)),
    Fault(
        "killed while looking a lost post up",
        at=(P.CLAIMED_TO_LOOK, P.BEFORE_LOOK, P.AFTER_LOOK, P.IN_VERDICT, P.AFTER_VERDICT),
    ),
    Fault(
        "the power fails after the attempt was written",
        ("test_the_power_cut_that_is_made_here_does_lose_what_was_not_synced",),
        (P.CLAIMED_TO_PUBLISH, P.BEFORE_PUBLISH, P.AFTER_PUBLISH),
        Death.POWER_CUT,
    ),
    # The platform and the way there
    Fault(
        "no answer, and it never arrived",
        (
            "test_a_request_that_never_arrived_is_held_where_posts_can_only_be_read",
            "test_with_a_key_it_is_sent_again_until_it_is_there_once",
            "test_a_post_that_never_arrived_is_uncertain_and_not_found",
        ),
    ),
    Fault(
        "no answer, and it did arrive",
        (
            "test_a_lost_answer_is_found_again_and_not_repeated",
            "test_a_post_whose_answer_was_lost_is_uncertain_and_found",
        ),
    ),
    Fault(
        "it arrives later than our patience",
        ("test_not_there_is_not_believed_before_the_settle_time", "test_a_post_that_shows_up_late_is_found"),
    ),
    Fault(
        "it shows later than any platform promised",
        ("test_a_request_that_never_arrived_is_held_where_posts_can_only_be_read", MODEL),
        why="no program can tell: without a key or a draft nothing is sent again by itself, so it is for a person",
    ),
    Fault(
        "an error of the server, before or after it took the post",
        (
            "test_an_error_of_the_platform_itself_proves_nothing",
            "test_an_error_after_acceptance_is_found_by_the_photos_although_the_words_were_changed",
        ),
    ),
    Fault("an error of something between us and the server", ("test_an_error_of_the_platform_itself_proves_nothing",)),
    Fault(
        "the line breaks before or after the first byte",
        (
            "test_a_line_that_breaks_in_the_handshake_is_unreachable",
            "test_a_platform_that_takes_no_connections_is_unreachable",
            "test_tls_that_breaks_after_the_request_proves_nothing",
            "test_where_nobody_listens_nothing_was_published",
        ),
    ),
    Fault(
        "a success that cannot be read, or names no post",
        (
            "test_an_answer_without_what_was_asked_for_proves_nothing",
            "test_an_answer_that_breaks_off_proves_nothing",
            "test_a_success_without_an_id_may_be_public",
        ),
    ),
    Fault(
        "an answer without end, too large, or drop by drop",
        (
            "test_an_answer_that_never_ends_is_cut",
            "test_a_small_answer_that_unpacks_to_a_huge_one_is_cut",
            "test_the_total_bound_holds_however_slowly_the_platform_drips",
        ),
    ),
    Fault("a redirect where something is published", ("test_a_redirect_is_not_followed",)),
    Fault("a certificate nobody vouches for", ("test_a_certificate_that_nobody_vouches_for_is_unreachable",)),
    Fault(
        "no network for hours",
        (
            "test_a_name_that_nobody_knows_is_unreachable",
            "test_what_was_surely_not_sent_is_tried_again_later",
            "test_past_its_latest_useful_time_it_is_missed_and_not_sent",
        ),
    ),
    Fault(
        "asked to wait: seconds, a date, nonsense, ten days, nothing",
        (
            "test_retry_after_is_believed_only_when_it_makes_sense",
            "test_a_throttled_account_rests_as_long_as_it_was_asked_to",
            "test_a_pause_without_a_time_names_none",
        ),
    ),
    Fault(
        "the account's posts for today are used up",
        (
            "test_after_the_last_post_of_its_day_a_channel_rests_until_the_first_is_a_day_old",
            "test_other_channels_are_not_delayed",
        ),
    ),
    # Logins
    Fault(
        "the token ends before or in the middle of an upload",
        (
            "test_a_token_is_renewed_before_it_ends",
            "test_a_session_that_ends_at_publish_sends_nothing_and_the_next_try_goes_through",
            "test_an_expired_login_is_unauthorized_whatever_is_asked",
        ),
    ),
    Fault(
        "the login was taken back",
        (
            "test_a_dead_login_pauses_the_channel_once_and_the_delivery_waits",
            "test_a_read_that_says_the_login_is_dead_pauses_the_channel",
        ),
    ),
    Fault(
        "killed between a new token and keeping it",
        (
            "test_after_a_death_in_a_renewal_its_turn_is_over_only_in_time",
            "test_a_login_lost_by_a_death_is_said_so_and_publishes_as_long_as_its_token_lasts",
        ),
    ),
    # Several at once, and those that slept
    Fault("two workers want the same delivery", ("test_of_many_owners_one_gets_it", MACHINE, MODEL)),
    Fault("two daemons on one machine", ("test_a_second_daemon_is_refused_and_told_the_process_of_the_first",)),
    Fault(
        "the database is copied to a second machine",
        ("test_a_database_that_was_copied_back_by_hand_is_noticed",),
        why="a copy of all of the folder, run beside the original, cannot be told from it: the guide says what to do",
    ),
    Fault(
        "asleep between attempt and request",
        ("test_whoever_slept_after_the_claim_does_not_send",),
        (P.CLAIMED_TO_PUBLISH, P.BEFORE_PUBLISH),
        Death.PAUSED,
    ),
    Fault(
        "asleep while the answer is on its way",
        ("test_a_late_receipt_is_kept_and_publishes", "test_a_late_failure_moves_nothing"),
        (P.AFTER_PUBLISH, P.BEFORE_RECORD, P.BEFORE_BATCH),
        Death.PAUSED,
    ),
    # The database and the disk
    Fault(
        "the database is locked by somebody else",
        (
            "test_a_locked_database_makes_it_wait_and_go_on",
            "test_a_proof_is_not_lost_when_the_database_is_busy_for_a_moment",
        ),
    ),
    Fault(
        "the disk is full, before the attempt or after the answer",
        ("test_a_disk_that_is_full_for_a_while_loses_nothing_and_repeats_nothing",),
    ),
    Fault(
        "the database is deleted, replaced or made read-only under the daemon",
        (
            "test_a_file_that_vanishes_in_use_is_missed",
            "test_a_lost_database_is_missed_and_not_replaced_by_an_empty_one",
        ),
    ),
    Fault("a damaged page", ("test_a_damaged_database_is_told", "test_a_damaged_database_is_one_sentence")),
    Fault(
        "yesterday's backup is brought back",
        (
            "test_what_was_published_after_the_backup_is_found_and_not_repeated",
            "test_where_nobody_can_look_it_is_held_and_says_why",
            "test_a_database_that_was_copied_back_by_hand_is_noticed",
        ),
    ),
    # Time
    Fault(
        "the clock jumps",
        (
            "test_a_clock_that_was_set_back_stops_nothing",
            "test_a_clock_that_was_days_ahead_does_not_silence_a_job_until_then",
            MACHINE,
        ),
        why="a clock that is ahead and cannot be doubted from within releases what is due by it",
    ),
    Fault(
        "suspended over several due times",
        (
            "test_an_upload_in_hand_is_kept_after_the_machine_slept",
            "test_past_its_latest_useful_time_it_is_missed_and_not_sent",
        ),
    ),
    Fault("hours that the clocks skip or repeat", ("test_an_hour_that_the_clocks_skip_or_repeat_needs_its_offset",)),
    Fault(
        "the rules of a zone change under a planned post",
        why="the zones of Indonesia have no daylight saving, and what people approved is the instant",
    ),
    Fault(
        "away for two days over a holiday",
        (
            "test_past_its_latest_useful_time_it_is_missed_and_not_sent",
            "test_an_ambiguous_one_past_its_time_is_held_never_missed",
            "test_nothing_goes_out_before_the_link_is_there",
        ),
    ),
    Fault(
        "hundreds due in the same minute",
        (
            "test_a_channel_publishes_one_at_a_time_urgent_ones_first",
            "test_at_most_half_of_the_senders_serve_one_host_while_there_are_others",
            "test_what_waits_behind_a_hanging_one_makes_no_other_late",
        ),
        why="ten thousand of them are in `make bench`",
    ),
    # Media
    Fault("media that kill their worker twice", ("test_two_deaths_while_preparing_hold_it",)),
    Fault(
        "media that eat the memory",
        ("test_a_picture_that_takes_too_much_memory_costs_a_sentence_and_the_next_one_is_read",),
    ),
    Fault("a file changed or gone after its approval", ("test_a_media_file_changed_after_approval_is_not_sent",)),
    Fault(
        "told to stop in the middle of uploads, and told again",
        (
            "test_sigterm_finishes_the_post_in_hand",
            "test_what_outlasts_the_grace_is_left_to_its_lease",
            "test_a_second_signal_ends_the_process_at_once_and_frees_the_lock",
        ),
    ),
    # Upgrades
    Fault(
        "killed while the tables are brought up to date",
        ("test_a_death_while_the_tables_are_changed_leaves_those_of_one_version",),
    ),
    Fault(
        "an upgrade meets what the older version had in hand",
        ("test_what_an_older_dissem_wrote_is_kept_by_an_upgrade",),
    ),
    # Many steps
    Fault(
        "killed after any piece of a video",
        ("test_after_kill_9_in_step_after_step_there_is_one_post", "test_youtube_resumes_after_every_chunk"),
    ),
    Fault(
        "the upload is forgotten, or the server has less than we sent",
        (
            "test_the_server_keeps_less_than_was_sent_and_is_obeyed",
            "test_a_session_that_is_lost_is_replaced_by_a_new_one",
            "test_an_upload_that_x_has_forgotten_begins_anew",
        ),
    ),
    Fault("processing without end", ("test_a_post_that_never_stops_processing_is_held",)),
    Fault(
        "a part of an album fails, or what was prepared expires",
        (
            "test_a_carousel_whose_third_child_fails_shows_nothing",
            "test_a_container_that_expired_unseen_is_rebuilt_however_often",
            "test_an_expired_container_is_stale_and_not_there",
        ),
    ),
    Fault(
        "the flip of something staged is not answered",
        (
            "test_a_repeat_by_key_or_stage_makes_no_second_post",
            "test_a_container_published_before_is_uncertain_whatever_its_refusal_is_called",
            "test_a_container_that_hides_is_no_proof_of_absence_but_the_list_is_one_of_presence",
        ),
    ),
    Fault(
        "the first of a thread is public, the next one fails",
        ("test_after_a_public_part_nothing_ends_refused", "test_parts_go_out_in_order_each_after_the_one_before"),
    ),
    # Looking
    Fault(
        "the list lags, has pages, lacks one, fails",
        (
            "test_a_listing_that_lags_proves_nothing_wrong",
            "test_a_listing_that_fails_is_no_proof_of_absence",
            "test_a_listing_that_is_not_whole_proves_nothing",
            "test_every_page_of_the_timeline_is_read",
        ),
    ),
    Fault(
        "somebody posts the same words by hand",
        ("test_two_proofs_are_for_a_person", "test_a_proof_that_belongs_to_another_delivery_does_not_count"),
    ),
    Fault(
        "the platform takes a post down again",
        ("test_what_is_gone_is_marked_gets_no_sample_and_is_never_asked_again",),
    ),
    Fault(
        "the platform changes the words",
        (
            "test_what_the_server_makes_of_a_text_is_still_recognised",
            "test_a_post_is_known_again_whatever_x_does_to_its_links",
        ),
        why="samples of real posts need real accounts; the stand-ins change what platforms are documented to change",
    ),
    # Counting and reporting
    Fault(
        "killed between reading and storing figures",
        ("test_a_collector_killed_between_reading_and_storing_repeats_and_counts_once",),
    ),
    Fault("a counter falls", ("test_a_counter_that_fell_is_a_negative_gain_and_marked",)),
    Fault(
        "killed while the weekly report is made",
        (
            "test_a_run_whose_daemon_died_is_taken_again_once_by_one_of_the_others",
            "test_the_weekly_report_is_of_the_week_before_its_plan_and_can_be_written_again",
        ),
        why="the report is a file that is written again; it is not mailed",
    ),
    # People
    Fault("two people press the same button", ("test_of_two_who_approve_at_once_one_does_and_the_other_is_told",)),
    Fault("edited or cancelled while it is being sent", ("test_while_it_may_be_public_nothing_is_edited",)),
    Fault(
        "an adapter does what nobody foresaw, or hangs",
        ("test_an_unforeseen_error_while_sending_is_unknown", "test_a_channel_that_hangs_delays_no_other"),
    ),
)


def written() -> set[str]:
    """The names of all test functions of the tree."""
    return {
        node.name
        for file in TESTS.rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    }


def test_all_are_there_with_names_of_their_own() -> None:
    assert len({fault.name for fault in FAULTS}) == len(FAULTS) == 65


def test_every_test_that_is_named_is_written() -> None:
    known = written()

    missing = {(fault.name, test) for fault in FAULTS for test in fault.tests if test not in known}

    assert missing == set()
    assert EVERY_POINT in known


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_a_fault_has_a_test_or_a_reason(fault: Fault) -> None:
    assert fault.tests or fault.at or fault.why
    assert set(fault.at) <= {moment.point for moment in MATRIX}
