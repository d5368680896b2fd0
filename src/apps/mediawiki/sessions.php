<?php
/**
 * MediaWiki's sessions in the database, read strictly.
 *
 * MediaWiki takes a session that it could not read for one that does not exist, and gives the reader a new, empty one
 * in its place: whoever clicked while the database changed its writer was logged out (seen twice in 24 failovers). Here
 * such a request fails, and the next one, a few seconds later, finds the session as it was.
 */
class FarmSessions extends SqlBagOStuff {
	protected function doGet( $key, $flags = 0, &$casToken = null ) {
		$watch = $this->watchErrors();
		$value = parent::doGet( $key, $flags, $casToken );
		if ( $value === false && $this->getLastError( $watch ) !== self::ERR_NONE ) {
			throw new RuntimeException( 'The sessions can not be read: the database does not answer.' );
		}
		return $value;
	}
}
