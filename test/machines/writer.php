<?php
// Inserts rows one by one through the local database proxy, and prints each answer with its time (milliseconds since
// 1970): `ok N TIME` for an acknowledged row, `no N TIME` for a refused one. The password comes as the first line of
// the input, behind this program. Ends when its output is closed or after the seconds in FARM_SECONDS.
$password = trim( fgets( STDIN ) );
mysqli_report( MYSQLI_REPORT_OFF );
$end = microtime( true ) + (float)getenv( 'FARM_SECONDS' );
$table = getenv( 'FARM_TABLE' );
$connection = null;
for ( $n = 1; microtime( true ) < $end; $n++ ) {
	if ( !$connection ) {
		$connection = mysqli_init();
		mysqli_options( $connection, MYSQLI_OPT_CONNECT_TIMEOUT, 1 );
		mysqli_options( $connection, MYSQLI_OPT_READ_TIMEOUT, 5 );
		if ( !@mysqli_real_connect( $connection, '127.0.0.1', 'pravka', $password, 'pravka' ) ) {
			$connection = null;
		}
	}
	$ok = $connection && @mysqli_query( $connection, "INSERT INTO `$table` VALUES ($n)" );
	if ( !$ok && $connection ) {
		mysqli_close( $connection );
		$connection = null;
	}
	echo $ok ? 'ok' : 'no', " $n ", (int)( microtime( true ) * 1000 ), "\n";
	if ( !$ok ) {
		usleep( 20000 );
	}
}
