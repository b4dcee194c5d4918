# One test a line: icn_test(ROOM NAME [support sources])
icn_test(unit base)
