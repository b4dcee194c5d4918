# One test a line: icn_test(ROOM NAME [support sources])
icn_test(unit base)
icn_test(unit device_desc)
icn_test(unit os)
