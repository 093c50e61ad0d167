-- Money that the fund gave and M-PESA could not bring is back in the fund, and its book says so.
alter table fund_movement
    drop constraint fund_movement_what_check,
    add constraint fund_movement_what_check check (what in ('contribution', 'support', 'support_returned'));

-- Money in suspense that is on its way back to whoever paid it can belong to nothing else.
alter table inflow
    drop constraint inflow_state_check,
    drop constraint inflow_without_attempt,
    add constraint inflow_state_check check (state in ('allocated', 'extra', 'suspense', 'direct', 'refund')),
    add constraint inflow_without_attempt
        check (attempt_id is not null or (receipt is not null and state in ('suspense', 'direct', 'refund')));
