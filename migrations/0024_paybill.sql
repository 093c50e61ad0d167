-- Money that a payer sent to the paybill of their own accord finds its member by the account they typed, or by staff.

alter table inflow
    drop constraint inflow_state_check,
    drop constraint inflow_check1,
    -- Whose it became, where no obligation says so.
    add column member_id    uuid references member,
    add column allocated_at timestamptz,
    add constraint inflow_state_check check (state in ('allocated', 'extra', 'suspense', 'direct')),
    add constraint inflow_without_attempt
        check (attempt_id is not null or (receipt is not null and state in ('suspense', 'direct'))),
    add constraint inflow_direct
        check ((state = 'direct') = (member_id is not null) and (member_id is null) = (allocated_at is null));
