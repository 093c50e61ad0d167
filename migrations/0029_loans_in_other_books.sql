-- A loan as the wallet, the payments and the receipts know it.

alter table wallet_movement
    drop constraint wallet_movement_what_check,
    drop constraint if exists wallet_movement_check1,
    drop constraint if exists wallet_movement_direction_check,
    add constraint wallet_movement_what_check check (what in
        ('top_up', 'paid_twice', 'contribution', 'sent', 'received', 'withdrawn', 'withdrawal_returned',
         'loan', 'loan_fee', 'loan_repaid', 'loan_overpaid')),
    add constraint wallet_movement_direction_check
        check ((direction = 'in') = (what in
            ('top_up', 'paid_twice', 'received', 'withdrawal_returned', 'loan', 'loan_overpaid')));

alter table obligation drop constraint obligation_purpose_check,
    add constraint obligation_purpose_check check (purpose in ('registration_fee', 'contribution', 'top_up', 'loan_repayment'));
alter table receipt drop constraint receipt_what_check,
    add constraint receipt_what_check check (what in ('contribution', 'registration_fee', 'top_up', 'loan_repayment'));
