-- A clinic that is given up stays: its past visits name it. Nothing more is booked there.
ALTER TABLE clinics ADD COLUMN active boolean NOT NULL DEFAULT true;
