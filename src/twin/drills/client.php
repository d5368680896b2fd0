// A client of a drill, at work through the database proxy of its host. What it is to do it reads from the first line of
// its input, as JSON: role, id, user, password, database, table. It ends when its input does, however that came about.
// A writer inserts rows that it numbers, one after another, none twice; a reader asks for the highest number of each
// writer. Each attempt is a line of JSON (record.ts says what the words mean), times are milliseconds since 1970:
//   ["w", writer, n, began, ended, outcome, error]
//   ["r", reader, began, ended, {"WRITER": n, …} or null, error]
mysqli_report( MYSQLI_REPORT_OFF );

function now() {
	return round( microtime( true ) * 1000, 3 );
}

function connect( $task ) {
	$connection = mysqli_init();
	mysqli_options( $connection, MYSQLI_OPT_CONNECT_TIMEOUT, 1 );
	mysqli_options( $connection, MYSQLI_OPT_READ_TIMEOUT, 5 );
	$made = @mysqli_real_connect( $connection, '127.0.0.1', $task['user'], $task['password'], $task['database'] );
	return $made ? $connection : null;
}

// Errors from 2000 to 2999 are the client library's own: the connection broke. The others in the list come from a server
// that ends the session (1053 shutdown, 1317 interrupted, 1927 killed) or lost the cluster in the middle of the commit (1180),
// which does not tell whether the statement has happened.
function outcome_of_error( $code ) {
	return ( $code >= 2000 && $code < 3000 ) || in_array( $code, [ 1053, 1180, 1317, 1927 ] ) ? 'doubt' : 'refused';
}

// Returns [outcome, error, rows]; `rows` are those of a query that has some.
function attempt( $connection, $query ) {
	if ( !$connection ) {
		return [ 'unsent', 'no connection: ' . mysqli_connect_error(), null ];
	}
	$result = @mysqli_query( $connection, $query );
	if ( $result === false ) {
		$code = mysqli_errno( $connection );
		return [ outcome_of_error( $code ), "$code " . mysqli_error( $connection ), null ];
	}
	return [ 'ok', '', $result === true ? null : mysqli_fetch_all( $result ) ];
}

$task = json_decode( fgets( STDIN ), true );
[ 'role' => $role, 'id' => $id, 'table' => $table ] = $task;
stream_set_blocking( STDIN, false );
$connection = null;
for ( $n = 1; fgets( STDIN ) === false && !feof( STDIN ); $n++ ) {
	$began = now();
	$connection = $connection ?? connect( $task );
	// Two thousand bytes a row, so that the table's file has to grow every few seconds and meets a full disk.
	$query = $role === 'writer'
		? "INSERT INTO $table (writer, n, filling) VALUES ($id, $n, REPEAT('x', 2000))"
		: "SELECT writer, MAX(n) FROM $table GROUP BY writer";
	[ $outcome, $error, $rows ] = attempt( $connection, $query );
	$seen = $rows === null ? null : (object)array_map( 'intval', array_column( $rows, 1, 0 ) );
	$line = $role === 'writer'
		? [ 'w', $id, $n, $began, now(), $outcome, $error ]
		: [ 'r', $id, $began, now(), $seen, $error ];
	echo json_encode( $line ), "\n";
	if ( $outcome !== 'ok' && $connection ) {
		mysqli_close( $connection );
		$connection = null;
	}
	// A stream and no flood, milliseconds: the hosts need their processors for coming back, and a refusal may come at once.
	usleep( ( $outcome === 'ok' ? 10 : 50 ) * 1000 );
}
