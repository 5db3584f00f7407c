"""Which tests hold which promise? One row for each invariant of the program; docs/promises.md is made of it.

Checks of rehearsals are not listed: they are found by their names (`i8_…` below bot/rehearsal/ holds I8).
"""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Promise:
    """`holds` in the words of somebody whose coins these are; `tests` as FILE::NAME below tests/."""

    number: int
    holds: str
    tests: tuple[str, ...]

    @property
    def name(self) -> str:
        return f"I{self.number}"


KILLED: Final = (
    "killed/test_killed_at_a_venue.py::test_killed_again_and_again_on_a_file_it_never_doubles_or_loses_an_order",
    "killed/test_killed_at_a_venue.py::test_killed_again_and_again_on_a_server_it_never_doubles_or_loses_an_order",
)
GRID: Final = "simulation/test_grid.py::test_every_sampled_death_ends_with_one_order_for_each_intent_and_every_promise_kept"
FAULTS: Final = "live/test_faults.py::test_the_hedge_comes_out_right_whatever_goes_wrong"
DRAWN: Final = "simulation/test_rehearsal.py::test_promises_hold_in_two_hours_of_drawn_faults"

PROMISES: Final = (
    Promise(
        1,
        "Every own order at the venue was on record, committed, before its first byte left.",
        ("engine/test_hedging.py::test_the_intent_is_committed_before_the_order_reaches_the_venue", GRID, *KILLED),
    ),
    Promise(
        2,
        "A client id is at most one order at the venue.",
        (
            "audit/test_store.py::test_a_client_id_is_never_used_twice",
            "core/test_planner.py::test_a_run_that_counts_a_forgotten_epoch_again_gives_other_names",
            "contract/test_orders.py::test_placing_one_client_id_twice_makes_one_order",
            "venues/test_client.py::test_an_order_in_doubt_was_sent_once_and_is_unknown",
            "venues/test_last_resorts.py::test_an_order_in_doubt_is_never_sent_again_where_the_venue_would_take_its_id_twice",
            FAULTS,
            GRID,
            *KILLED,
        ),
    ),
    Promise(
        3,
        "What is on record as rejected or absent never existed at the venue and never appears there later.",
        (
            "core/test_reconcile.py::test_absence_needs_polls_and_time",
            "core/test_reconcile.py::test_time_since_an_order_was_sent_is_no_proof_only_time_since_it_was_missed",
            "core/test_reconcile.py::test_a_position_that_own_fills_do_not_explain_is_no_proof_of_absence",
            "engine/test_hedging.py::test_an_error_that_nobody_foresaw_leaves_the_order_in_doubt_and_sends_no_second_one",
            "contract/test_orders.py::test_a_refused_client_id_cannot_become_an_order_later",
            "venues/test_outcomes.py::test_an_error_that_may_hide_an_order_is_unknown",
            "venues/test_last_resorts.py::test_a_code_that_nobody_listed_leaves_order_and_cancel_in_doubt_wherever_in_the_answer_it_stands",
            "venues/test_last_resorts.py::test_a_look_up_that_does_not_end_proves_no_order_absent",
            "core/test_reconcile.py::test_a_look_with_a_part_missing_is_no_poll",
            *KILLED,
        ),
    ),
    Promise(
        4,
        "At rest the open orders on record are those at the venue.",
        (
            "core/test_reconcile.py::test_an_own_order_without_an_intent_is_cancelled_and_nothing_is_sent_before",
            "engine/test_operating.py::test_an_order_of_an_earlier_run_is_cancelled_before_a_new_one_is_made",
            *KILLED,
        ),
    ),
    Promise(
        5,
        "Every fill and every payment is counted once.",
        (
            "core/test_reconcile.py::test_a_fill_is_counted_once_however_often_it_is_shown",
            "core/test_reconcile.py::test_funding_is_counted_once_and_is_no_transfer",
            "audit/test_store.py::test_a_trade_and_a_payment_seen_twice_are_booked_once",
            "venues/test_what_happened.py::test_more_fills_than_a_page_holds_are_read_whole_and_once",
            "engine/test_operating.py::test_fills_while_the_bot_was_away_are_counted_once",
            *KILLED,
        ),
    ),
    Promise(
        6,
        "Bot and orders move only along their tables; an end is final, and what was filled never shrinks.",
        (
            "core/test_machine.py::test_an_order_moves_by_its_table_or_not_at_all",
            "core/test_machine.py::test_the_bot_moves_by_its_table_or_not_at_all",
            "core/test_machine.py::test_a_terminal_order_stays_where_it_is",
            "core/test_reconcile.py::test_filled_never_shrinks",
            "audit/test_store.py::test_filled_never_shrinks_and_an_end_is_final",
        ),
    ),
    Promise(
        7,
        "The position is the sum of its trades, in whole contracts.",
        (
            "contract/test_account.py::test_positions_are_signed_integers",
            "core/test_reconcile.py::test_a_position_that_does_not_move_after_a_fill_halts",
            "core/test_reconcile.py::test_an_unexplained_position_holds_then_halts",
            "core/test_unexplained.py::test_a_fill_closes_no_more_than_was_held_and_what_is_left_of_it_is_entered_at_its_price",
            *KILLED,
        ),
    ),
    Promise(
        8,
        "Whichever open and doubtful orders fill, the position stays within its cap.",
        (
            "core/test_decide_properties.py::test_every_order_is_one_that_a_hedge_may_send",
            "core/test_hedge_vectors.py::test_two_legs_on_one_margin_grow_one_order_at_a_time_within_the_limit",
            "core/test_hedge_vectors.py::test_an_over_hedge_above_max_position_is_cut_back_to_the_ideal",
            "core/test_risk.py::test_a_position_grows_to_max_position_usd_and_may_always_shrink",
            "audit/test_store.py::test_an_order_of_unknown_fate_holds_its_instrument",
        ),
    ),
    Promise(
        9,
        "A hedge is never net long, and never overshoots its band by more than a lot.",
        (
            "core/test_band.py::test_v16_no_order_crosses_zero_so_the_long_is_closed_first",
            "core/test_planner.py::test_sizes_round_towards_under_hedging_and_stop_at_zero",
            "core/test_risk.py::test_an_order_ends_at_zero_at_the_furthest_and_opens_no_long",
            "core/test_risk.py::test_what_shrinks_a_position_is_reduce_only_and_nothing_else_is",
            "engine/test_hedging.py::test_a_target_of_zero_closes_to_flat_and_stays_flat",
            "contract/test_orders.py::test_reduce_only_may_close_the_position_and_no_more",
        ),
    ),
    Promise(
        10,
        "An accepted order keeps the leverage within its limit, at the mark and a collar away from it.",
        (
            "core/test_decide_properties.py::test_all_growing_orders_together_keep_the_leverage_at_the_mark_and_within_the_collar",
            "core/test_cross.py::test_v20_the_capacity_stands_exactly_at_two_and_is_refused_for_the_collar",
            "core/test_risk.py::test_leverage_is_judged_at_the_worse_end_of_the_collar",
            "core/test_risk.py::test_everything_on_the_margin_counts_for_its_leverage",
        ),
    ),
    Promise(
        11,
        "No order is signed on missing, crossed, stale or absurd prices, or outside the collar.",
        (
            "core/test_decide_properties.py::test_nonsense_from_the_venue_never_raises_and_never_trades",
            "core/test_decide_properties.py::test_a_stale_or_future_price_trades_nothing",
            "core/test_decide_properties.py::test_a_crossed_or_locked_book_trades_nothing",
            "core/test_risk.py::test_a_price_that_is_no_price_may_not_be_traded_on_whichever_it_is",
            "core/test_risk.py::test_a_limit_stays_within_the_collar_of_mark_and_of_index",
            "core/test_risk.py::test_a_hedge_grows_within_the_turnover_of_the_day_and_may_always_shrink",
            "engine/test_hedging.py::test_stale_prices_stop_new_orders",
            "engine/test_hedging.py::test_orders_per_minute_are_limited",
            "venues/test_client.py::test_an_order_past_its_deadline_is_dropped_in_the_queue",
            "engine/test_gate.py::test_an_order_may_be_signed_until_its_deadline_and_no_millisecond_later",
        ),
    ),
    Promise(
        12,
        "At most 80 % of the venue's request limit is used, and a fifth of that is kept for cancels.",
        (
            "venues/test_budget.py::test_a_burst_uses_no_more_than_eighty_percent_and_leaves_a_fifth_of_that",
            "venues/test_budget.py::test_cancels_go_when_nothing_else_may",
            "venues/test_budget.py::test_over_a_minute_the_venues_limit_is_never_reached",
            "venues/test_budget.py::test_after_a_ban_everything_is_silent_until_it_ends",
        ),
    ),
    Promise(
        13,
        "A dry run signs nothing; once `dry-run on` is acknowledged no order starts.",
        (
            "live/test_dry_run.py::test_a_dry_run_only_reads_and_still_plans",
            "live/test_dry_run.py::test_no_order_starts_after_dry_run_was_acknowledged",
            "engine/test_operating.py::test_under_mode_dry_run_nothing_at_all_is_signed",
            "engine/test_gate.py::test_under_mode_dry_run_and_before_the_record_was_read_not_even_a_cancel_is_signed",
            "cli/test_operate.py::test_dry_run_toggled_while_orders_work_stops_them_at_once_and_off_resumes",
        ),
    ),
    Promise(
        14,
        "In a test environment every request goes to a host of it, OKX's with its header.",
        (
            "venues/test_client.py::test_only_the_hosts_of_the_environment_are_admitted",
            "venues/test_client.py::test_without_okx_header_it_is_production_and_nothing_goes",
            "venues/test_preflight.py::test_a_section_of_addresses_left_at_production_signs_nothing",
        ),
    ),
    Promise(
        15,
        "Once a new leader leads, nothing of an older one is accepted; one account has one leader.",
        (
            "audit/test_lease.py::test_a_leader_whose_epoch_is_past_can_write_nothing",
            "audit/test_lease.py::test_no_new_leader_begins_while_a_row_of_the_old_one_is_on_its_way",
            "engine/test_gate.py::test_a_process_that_slept_past_its_lease_signs_not_even_a_cancel",
            "venues/test_client.py::test_a_gate_that_closes_while_the_connection_is_made_lets_no_byte_of_a_signed_placement_leave",
            "workers/test_processes.py::test_a_stopped_leader_is_succeeded_after_the_ttl_and_signs_nothing_when_it_wakes",
            "workers/test_processes.py::test_twenty_accounts_spread_over_three_workers_and_one_killed_are_all_led_again_none_twice",
            "engine/test_restored.py::test_it_leads_with_an_epoch_above_every_one_in_its_tags_at_the_venue",
            "incidents/test_refused_starts.py::test_a_lease_that_is_held_is_exit_3_naming_the_holder",
            "core/test_reconcile.py::test_a_trade_of_another_hedgebot_halts_whatever_strangers_may_do",
        ),
    ),
    Promise(
        16,
        "After a kill nothing is signed, own orders are cancelled at once, and it lasts until a person re-arms.",
        (
            "engine/test_operating.py::test_kill_cancels_freezes_keeps_the_hedge_and_survives_a_restart",
            "engine/test_record_away.py::test_a_kill_file_cancels_at_once_also_while_the_record_cannot_be_read",
            "incidents/test_frozen_at_a_moment.py::test_a_kill_cancels_within_a_second_at_whatever_moment_the_record_stopped_answering",
            "engine/test_gate.py::test_a_word_that_came_while_an_order_waited_stops_it_and_no_cancel",
            "venues/test_client.py::test_a_gate_that_refuses_an_order_is_asked_before_its_signature_is_made",
            "engine/test_gate.py::test_a_kill_file_that_is_there_or_cannot_be_read_stops_an_order_and_no_cancel",
            "cli/test_operate.py::test_kill_lasts_over_a_restart_until_rearmed",
            "incidents/test_kill_file.py::test_while_the_kill_file_cannot_be_read_nothing_is_sent_and_no_flag_is_set",
        ),
    ),
    Promise(
        17,
        "While the record cannot be written no order is signed, and cancels still go out.",
        (
            "engine/test_record_away.py::test_an_order_whose_time_is_up_is_cancelled_also_while_the_record_cannot_be_read",
            "engine/test_record_away.py::test_once_a_write_of_the_turn_has_failed_no_order_of_it_is_sent",
            "engine/test_gate.py::test_while_the_database_does_not_answer_cancels_go_out_and_orders_do_not",
            "incidents/test_disk_full.py::test_with_a_full_disk_it_sends_no_order_cancels_what_is_open_says_so_and_goes_on_by_itself",
            "incidents/test_database_restarts.py::test_it_goes_on_by_itself_after_every_restart_of_its_database",
            "incidents/test_database_restarts.py::test_while_somebody_holds_the_record_locked_it_says_so_and_cancels_and_then_goes_on",
        ),
    ),
    Promise(
        18,
        "What is missing is unknown, never 0.",
        (
            "engine/test_hedging.py::test_a_missing_read_takes_no_new_risk_and_is_never_zero",
            "core/test_reconcile.py::test_a_missing_part_explains_nothing_and_changes_nothing",
            "core/test_unexplained.py::test_a_bag_that_could_not_be_read_is_no_empty_bag",
            "venues/test_malformed_answers.py::test_a_broken_answer_becomes_a_noun_or_malformed_and_never_anything_else",
            "metrics/test_metrics.py::test_before_the_first_turn_what_nobody_knows_is_nan_and_not_zero",
            "api/test_answers.py::test_what_is_unknown_is_null_and_never_zero",
        ),
    ),
    Promise(
        19,
        "Orders of others are left alone.",
        (
            "engine/test_hedging.py::test_a_strangers_order_is_left_alone_and_halts_the_account",
            "core/test_reconcile.py::test_a_foreign_order_halts_or_is_left_alone",
            "live/test_dead_man.py::test_it_stays_unset_with_an_alert_while_an_order_of_somebody_else_is_open",
        ),
    ),
    Promise(
        20,
        "No order while position mode, margin mode or contract differ from what was taken on.",
        (
            "core/test_pin.py::test_each_change_stops_new_orders_and_is_named_with_old_and_new_value",
            "live/test_contract_changes.py::test_a_change_under_a_running_bot_is_noticed_and_accepted_by_a_command",
            "venues/test_preflight.py::test_hedge_mode_refuses_where_a_venue_has_one",
        ),
    ),
    Promise(
        21,
        "On production a key that can withdraw refuses the start, unless that is allowed on record.",
        (
            "cli/test_bad_input.py::test_on_production_a_key_that_can_withdraw_refuses_unless_allowed_on_record",
            "venues/test_preflight.py::test_a_key_that_withdraws_warns_on_a_test_and_refuses_on_production",
        ),
    ),
    Promise(
        22,
        "No secret reaches a log, an error, the record, an answer or a file.",
        (
            "live/test_secrets.py::test_no_secret_is_in_any_sink",
            "settings/test_secrets.py::test_no_secret_in_any_sink",
            "venues/test_client.py::test_no_secret_is_in_any_log_error_or_repr",
            "api/test_logs.py::test_no_secret_reaches_the_log_by_any_road",
        ),
    ),
    Promise(
        23,
        "A change of state and its entry are one transaction, and the chain verifies.",
        (
            "audit/test_any_history.py::test_any_history_is_kept_whole",
            "audit/test_store.py::test_a_writer_killed_in_the_middle_leaves_whole_transactions",
            "audit/test_verify.py::test_a_flipped_byte_anywhere_in_a_record_is_found",
            "audit/test_verify.py::test_a_deleted_tail_is_found_with_heads_and_only_with_heads",
            *KILLED,
        ),
    ),
    Promise(
        24,
        "Memory is the fold of the record, and every own trade of the venue is in it.",
        (
            "engine/test_hedging.py::test_what_is_remembered_is_the_fold_of_the_record",
            "audit/test_completeness.py::test_a_trade_that_the_record_lacks_is_a_gap_once_it_had_time_to_be_told",
            "incidents/test_restored.py::test_a_file_that_was_copied_while_orders_worked_and_put_back_is_caught_up_from_the_venue",
            "incidents/test_restored.py::test_a_server_database_that_was_put_back_is_caught_up_from_the_venue",
        ),
    ),
    Promise(
        25,
        "The same seed, code and configuration give the same trace.",
        (
            "simulation/test_rehearsal.py::test_the_same_seed_gives_the_same_trace_in_another_process_with_another_hash_seed",
            "core/test_decide_properties.py::test_the_same_inputs_give_the_same_decision_and_survive_the_record",
            "engine/test_hedging.py::test_every_decision_on_record_is_decided_again_the_same",
        ),
    ),
    Promise(
        26,
        "Exit 0 means that no own order is open.",
        (
            "incidents/test_told_to_stop.py::test_exit_0_means_that_no_own_order_is_open_at_whatever_moment_it_was_told_to_stop",
            "incidents/test_told_to_stop.py::test_exit_3_where_a_cancel_never_takes_effect",
            "engine/test_operating.py::test_an_own_order_that_no_intent_tells_of_still_counts_as_open_at_the_end",
            "engine/test_record_away.py::test_a_shutdown_that_was_not_recorded_at_once_sends_nothing_more_and_ends_verified",
        ),
    ),
    Promise(
        27,
        "When faults end, the hedge is restored in time, or the bot stands halted with its reason. It is never silent.",
        (DRAWN, "simulation/test_rehearsal.py::test_promises_hold_with_every_fault_of_a_profile_at_once", FAULTS),
    ),
    Promise(
        28,
        "Every order of unknown fate is resolved, or told in time.",
        (
            "engine/test_hedging.py::test_an_answer_that_is_lost_leads_to_one_order_and_no_second_one",
            "engine/test_hedging.py::test_an_order_that_never_arrived_is_proven_absent_before_a_new_intent_is_made",
            "contract/test_orders.py::test_an_order_whose_answer_was_lost_is_found_by_its_id",
            DRAWN,
        ),
    ),
    Promise(
        29,
        "Steps of the wall clock change no duration and send nothing wrong.",
        (
            "incidents/test_clock_steps.py::test_it_holds_with_the_reason_while_the_clock_is_off_by_an_hour_and_goes_on_when_it_is_right",
            "incidents/test_clock_steps.py::test_an_order_lives_for_its_time_whatever_the_wall_clock_says",
            "audit/test_lease.py::test_a_server_whose_clock_stepped_by_an_hour_costs_nobody_the_lease",
            DRAWN,
        ),
    ),
    Promise(
        30,
        "No binary fraction lies between a decision and the wire.",
        (
            "core/test_purity.py::test_the_core_is_pure",
            "venues/test_recorded_only.py::test_a_number_that_json_would_bend_is_not_sent",
            "venues/test_client.py::test_an_order_that_ccxt_would_round_is_refused_before_the_signature",
        ),
    ),
    Promise(31, "Tasks and memory do not grow without bound.", (DRAWN,)),
    Promise(
        32,
        "Metrics show what the record and the last turn say.",
        (
            "metrics/test_metrics.py::test_a_leg_shows_the_numbers_of_the_last_turn",
            "metrics/test_metrics.py::test_the_head_of_the_chain_is_witnessed_exactly",
            "metrics/test_metrics.py::test_an_order_is_counted_by_how_it_ended",
        ),
    ),
    Promise(
        33,
        "The pieces of a plan never add up to more than the plan.",
        (
            "engine/test_hedging.py::test_one_instrument_never_has_two_unfinished_orders",
            "core/test_pieces.py::test_pieces_never_exceed_their_parent_nor_cross_zero",
            "core/test_depth_share.py::test_whatever_the_book_no_order_is_more_than_its_share",
            "core/test_reconcile.py::test_orders_that_trade_and_bring_the_hedge_no_nearer_stop_until_a_person_looked",
            "core/test_hedge_vectors.py::test_a_chunk_never_exceeds_max_order_usd_and_all_chunks_sum_up",
            "audit/test_store.py::test_a_second_unfinished_order_of_an_instrument_is_refused_whole",
        ),
    ),
    Promise(
        34,
        "An unknown key refuses; on production so does a limit that the file lacks.",
        (
            "settings/test_refusals.py::test_every_unknown_key_is_named_at_once",
            "settings/test_load.py::test_production_lists_every_limit_that_the_file_lacks",
            "cli/test_bad_input.py::test_a_limit_that_is_missing_on_production_refuses_to_run",
        ),
    ),
)
