<?php
# The wiki's settings, the same on each of its nodes. What names this wiki, and its secrets, is in farm.json.

if ( !defined( 'MEDIAWIKI' ) ) {
	exit;
}

$farm = json_decode( file_get_contents( '/etc/mediawiki/farm.json' ), true, 8, JSON_THROW_ON_ERROR );

$wgSitename = $farm['sitename'];
$wgLanguageCode = $farm['language'];
$wgSecretKey = $farm['secretKey'];
$wgUpgradeKey = $farm['upgradeKey'];
$wgAuthenticationTokenVersion = '1';
$wgPingback = false;

# Addresses. The edge answers on http and https; links follow what the reader came by (X-Forwarded-Proto).
$wgServer = '//' . $farm['hostname'];
$wgCanonicalServer = 'https://' . $farm['hostname'];
$wgScriptPath = '';
$wgArticlePath = '/wiki/$1';
$wgUsePathInfo = true;

# The database, through this host's proxy: one server, so that MediaWiki keeps no list of dead ones of its own.
$wgDBtype = 'mysql';
$wgDBserver = '127.0.0.1';
$wgDBname = $farm['database']['name'];
$wgDBuser = $farm['database']['user'];
$wgDBpassword = $farm['database']['password'];
$wgDBTableOptions = 'ENGINE=InnoDB, DEFAULT CHARSET=binary';

# The nodes share the database and nothing else: whoever is sent to another node stays logged in and sees the same.
$wgMainCacheType = CACHE_DB;
$wgAutoloadClasses['FarmSessions'] = '/usr/local/lib/farm-mediawiki/sessions.php';
$wgObjectCaches['sessions'] = [ 'class' => FarmSessions::class, 'loggroup' => 'SQLBagOStuff' ];
$wgSessionCacheType = 'sessions';
$wgParserCacheType = CACHE_DB;
$wgMessageCacheType = CACHE_DB;
# The texts of the interface come with the package and are the same everywhere: in files of each node.
$wgCacheDirectory = '/var/lib/mediawiki/cache';

# Jobs are run by farm-mediawiki-jobs.timer, not by those who read.
$wgJobRunRate = 0;

# Search in the words as they are written; see search.php for why.
$wgAutoloadClasses['FarmSearch'] = '/usr/local/lib/farm-mediawiki/search.php';
$wgSearchType = 'FarmSearch';

# Anybody reads. Accounts are made by administrators, until single sign-on makes them; those who have one write.
$wgGroupPermissions['*']['createaccount'] = false;
$wgGroupPermissions['*']['edit'] = false;

# There is no mail server to send by yet.
$wgEnableEmail = false;

# Uploads are off: a file would lie on one node only and be missing on the others (pictures were lost that way), and
# shared file storage comes later. The link to the upload page stays, and the page says so.
$wgEnableUploads = false;
$wgUploadNavigationUrl = '/wiki/Special:Upload';
$wgHooks['MessagesPreLoad'][] = static function ( $title, &$message, $code ) {
	$texts = [
		'Uploaddisabledtext' => [
			'en' => 'File uploads are off for now: the wiki runs on several servers, and there is no file storage ' .
				'that they share yet. A file would be on one of them only and get lost. Uploads will be switched on ' .
				'together with shared storage; until then, please link to files that are kept elsewhere.',
			'ru' => 'Загрузка файлов пока отключена: вики работает на нескольких серверах, а общего хранилища файлов ' .
				'у них ещё нет. Файл оказался бы только на одном из них и потерялся бы. Загрузка включится вместе с ' .
				'общим хранилищем; до тех пор, пожалуйста, ставьте ссылки на файлы, которые хранятся в другом месте.',
		],
		'Uploaddisabled' => [
			'en' => 'Uploads are off for now',
			'ru' => 'Загрузка пока отключена',
		],
	];
	$key = strtok( $title, '/' );
	if ( isset( $texts[$key] ) ) {
		$message = $texts[$key][$code] ?? $texts[$key]['en'];
	}
};

# A picture in a page: SVG between <farm-picture> and </farm-picture>. It becomes an image, in which browsers run no script
# and fetch nothing, whoever wrote it; its own title and description are for those who can't see it.
$wgHooks['ParserFirstCallInit'][] = static function ( $parser ) {
	$parser->setHook( 'farm-picture', static function ( $svg ) {
		preg_match( '#<title[^>]*>([^<]*)</title>\s*<desc[^>]*>([^<]*)</desc>#', $svg ?? '', $words );
		return MediaWiki\Html\Html::element( 'img', [
			'src' => 'data:image/svg+xml,' . rawurlencode( trim( $svg ?? '' ) ),
			'alt' => html_entity_decode( implode( '. ', array_slice( $words, 1 ) ), ENT_QUOTES | ENT_XML1 ),
			# As wide as lines of text, and as light as the page, whatever the reader's other programs are.
			'style' => 'width: 60em; max-width: 100%; height: auto; color-scheme: light',
		] );
	} );
};

# Failures go to the journal; by default MediaWiki tells only the one who met them.
$wgHooks['LogException'][] = static function ( $failure ) {
	error_log( MWExceptionHandler::getLogMessage( $failure ) );
};

$wgDiff3 = '/usr/bin/diff3';
$wgDefaultSkin = 'vector-2022';
wfLoadSkin( 'Vector' );

# What people who write documentation expect: an editing toolbar, footnotes, and conditions in templates.
wfLoadExtensions( [ 'Cite', 'ParserFunctions', 'WikiEditor' ] );
