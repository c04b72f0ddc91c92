DROP FUNCTION lookup_public_booking(bytea);
DROP TABLE public_bookings;
