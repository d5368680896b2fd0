<?php
/**
 * Makes the wiki's database what the installed MediaWiki needs, from whatever state it is in. Runs on every node at
 * boot and after each change; the nodes take turns by a lock in the database, and the second one finds nothing to do.
 *
 * A cluster replicates InnoDB tables with primary key and no others, so the setup ends well only if all are such.
 */

const CODE = '/usr/share/mediawiki';
const PROGRAMS = '/usr/local/lib/farm-mediawiki';
const ADMINISTRATOR = 'Admin';

/** Key in MediaWiki's own table of updates done. The row is written last: without it the setup was not completed. */
const MARKER = 'farm-setup';

/** One that fails over answers within 10 s, one that starts from nothing takes some 30 s. systemd has us try again. */
const DATABASE_LIMIT = 60;

/** The other node may be installing and updating meanwhile; an update of a large wiki takes minutes. */
const LOCK_LIMIT = 600;

// Defines.php has MW_VERSION, and needs classes.
require CODE . '/includes/AutoLoader.php';
require CODE . '/includes/Defines.php';
mysqli_report( MYSQLI_REPORT_ERROR | MYSQLI_REPORT_STRICT );

function say( string $text ): void {
	fwrite( STDERR, "$text\n" );
}

/** Connects as soon as the database answers through this host's proxy. */
function connect( array $database, string $password ): mysqli {
	$deadline = time() + DATABASE_LIMIT;
	while ( true ) {
		try {
			$db = mysqli_init();
			$db->options( MYSQLI_OPT_CONNECT_TIMEOUT, 5 );
			$db->real_connect( '127.0.0.1', $database['user'], $password, $database['name'] );
			return $db;
		} catch ( mysqli_sql_exception $e ) {
			if ( time() >= $deadline ) {
				throw new RuntimeException( 'no database through 127.0.0.1:3306 within ' . DATABASE_LIMIT .
					" s, last answer: {$e->getMessage()}" );
			}
			usleep( 500_000 );
		}
	}
}

/** One lock for all nodes: their proxies all lead to the same writer. It ends with this connection. */
function lock( mysqli $db, string $wiki ): void {
	if ( $db->execute_query( 'SELECT GET_LOCK(?, ?)', [ "farm-setup-$wiki", LOCK_LIMIT ] )->fetch_row()[0] !== 1 ) {
		throw new RuntimeException( 'another node has been setting up the wiki for ' . LOCK_LIMIT . ' s' );
	}
}

/** A failover ends our connection and the lock with it: then the next step must not run. */
function checkLock( mysqli $db, string $wiki ): void {
	if ( $db->execute_query( 'SELECT IS_USED_LOCK(?) = CONNECTION_ID()', [ "farm-setup-$wiki" ] )->fetch_row()[0] !== 1 ) {
		throw new RuntimeException( 'the lock was lost' );
	}
}

/** Runs one of MediaWiki's maintenance scripts or ours; its output goes to the journal. */
function maintenance( string $script, array $arguments = [], array $environment = [] ): void {
	say( 'running ' . basename( $script ) );
	$command = [ PHP_BINARY, CODE . '/maintenance/run.php', $script, ...$arguments ];
	$child = proc_open( $command, [ [ 'file', '/dev/null', 'r' ], STDERR, STDERR ], $pipes, '/', $environment + getenv() );
	$code = proc_close( $child );
	if ( $code !== 0 ) {
		throw new RuntimeException( basename( $script ) . " failed with exit code $code" );
	}
}

/** @return array<string, array{engine: string, keyed: bool}> the tables by name */
function tables( mysqli $db ): array {
	$rows = $db->query( "SELECT t.table_name AS name, t.engine AS engine, c.constraint_name IS NOT NULL AS keyed
		FROM information_schema.tables t LEFT JOIN information_schema.table_constraints c
		ON c.table_schema = t.table_schema AND c.table_name = t.table_name AND c.constraint_type = 'PRIMARY KEY'
		WHERE t.table_schema = DATABASE() AND t.table_type = 'BASE TABLE'" )->fetch_all( MYSQLI_ASSOC );
	$tables = [];
	foreach ( $rows as $row ) {
		$tables[$row['name']] = [ 'engine' => $row['engine'], 'keyed' => (bool)$row['keyed'] ];
	}
	return $tables;
}

function count_rows( mysqli $db, array $tables, string $table ): int {
	return isset( $tables[$table] ) ? (int)$db->query( "SELECT COUNT(*) FROM `$table`" )->fetch_row()[0] : 0;
}

/** @return array{version?: string, search?: string} what the last completed setup noted */
function marker( mysqli $db, array $tables ): array {
	if ( !isset( $tables['updatelog'] ) ) {
		return [];
	}
	$row = $db->execute_query( 'SELECT ul_value FROM updatelog WHERE ul_key = ?', [ MARKER ] )->fetch_row();
	return $row ? json_decode( $row[0], true, 2, JSON_THROW_ON_ERROR ) : [];
}

/** MediaWiki's installer leaves one page and two accounts (the administrator's and its own): more is people's work. */
function hasContent( mysqli $db, array $tables ): bool {
	return count_rows( $db, $tables, 'revision' ) > 1 || count_rows( $db, $tables, 'user' ) > 2;
}

/** Installs into an empty database, or into one where an installation was cut off: its remains are removed first. */
function install( mysqli $db, array $settings, array $remains ): void {
	foreach ( array_keys( $remains ) as $table ) {
		say( "removing $table, left by an installation that was cut off" );
		$db->query( "DROP TABLE `$table`" );
	}
	$credentials = getenv( 'CREDENTIALS_DIRECTORY' );
	maintenance( 'install', [
		'--dbserver', '127.0.0.1', '--dbname', $settings['database']['name'], '--dbuser', $settings['database']['user'],
		'--dbpassfile', "$credentials/database", '--passfile', "$credentials/admin",
		'--lang', $settings['language'], '--server', "https://{$settings['hostname']}", '--scriptpath', '',
		'--skins', 'Vector', '--confpath', getenv( 'RUNTIME_DIRECTORY' ), $settings['sitename'], ADMINISTRATOR,
		// With the wiki's settings in place the installer refuses to work; those that it writes are thrown away.
	], [ 'MW_CONFIG_FILE' => '/nonexistent/LocalSettings.php' ] );
}

/**
 * Puts a new table in the place of an old one. Rows are copied rather than the table altered: of a table that was not
 * replicated each node has rows of its own, or none, and an alteration would keep it so.
 */
function replaceTable( mysqli $db, string $table, string $change ): void {
	say( "making table $table anew: $change" );
	$columns = implode( ', ', array_map(
		static fn ( $column ) => "`$column[0]`",
		$db->query( "SHOW COLUMNS FROM `$table`" )->fetch_all()
	) );
	$db->query( "CREATE TABLE farm_new LIKE `$table`" );
	$db->query( "ALTER TABLE farm_new $change" );
	$db->query( "INSERT INTO farm_new ($columns) SELECT $columns FROM `$table`" );
	$db->query( "RENAME TABLE `$table` TO farm_old, farm_new TO `$table`" );
	$db->query( 'DROP TABLE farm_old' );
}

function makeReplicable( mysqli $db ): void {
	// Of a run that was cut off.
	$db->query( 'DROP TABLE IF EXISTS farm_new, farm_old' );
	foreach ( tables( $db ) as $name => $table ) {
		if ( $table['engine'] !== 'InnoDB' ) {
			replaceTable( $db, $name, 'ENGINE=InnoDB' );
		}
		if ( !$table['keyed'] ) {
			replaceTable( $db, $name, 'ADD COLUMN farm_row BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY' );
		}
	}
}

function checkReplicable( mysqli $db ): void {
	$wrong = array_filter( tables( $db ), static fn ( $table ) => $table['engine'] !== 'InnoDB' || !$table['keyed'] );
	if ( $wrong ) {
		throw new RuntimeException( 'not InnoDB with a primary key, so not replicated: ' . implode( ', ', array_keys( $wrong ) ) );
	}
}

function setUp( array $settings ): void {
	$wiki = $settings['id'];
	$db = connect( $settings['database'], trim( file_get_contents( getenv( 'CREDENTIALS_DIRECTORY' ) . '/database' ) ) );
	lock( $db, $wiki );

	$tables = tables( $db );
	$done = marker( $db, $tables );
	$now = [ 'version' => MW_VERSION, 'search' => hash_file( 'sha256', PROGRAMS . '/search.php' ) ];
	if ( version_compare( $done['version'] ?? '0', MW_VERSION, '>' ) ) {
		say( "the database is at {$done['version']} already, this node at " . MW_VERSION . ': nothing to do until it is upgraded' );
		return;
	}

	if ( !$done && !hasContent( $db, $tables ) ) {
		install( $db, $settings, $tables );
	} elseif ( ( $done['version'] ?? null ) !== MW_VERSION ) {
		maintenance( 'update', [ '--quick' ] );
	}
	checkLock( $db, $wiki );
	makeReplicable( $db );
	if ( ( $done['search'] ?? null ) !== $now['search'] ) {
		maintenance( PROGRAMS . '/searchindex.php' );
	}
	maintenance( PROGRAMS . '/admin.php', [ ADMINISTRATOR ] );
	checkReplicable( $db );
	checkLock( $db, $wiki );
	$db->execute_query( 'REPLACE INTO updatelog (ul_key, ul_value) VALUES (?, ?)', [ MARKER, json_encode( $now ) ] );
	say( "$wiki is set up, MediaWiki " . MW_VERSION );
}

try {
	setUp( json_decode( file_get_contents( '/etc/mediawiki/farm.json' ), true, 8, JSON_THROW_ON_ERROR ) );
} catch ( RuntimeException $e ) {
	say( "setup of the wiki failed: {$e->getMessage()}" );
	exit( 1 );
}
