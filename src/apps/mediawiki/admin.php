<?php
/** Gives the administrator's account the password that the farm derives for it, when it has another one. */

use MediaWiki\Maintenance\Maintenance;

class FarmAdministrator extends Maintenance {
	public function __construct() {
		parent::__construct();
		$this->addArg( 'name', 'Name of the account' );
	}

	public function execute() {
		$password = trim( file_get_contents( getenv( 'CREDENTIALS_DIRECTORY' ) . '/admin' ) );
		$user = $this->getServiceContainer()->getUserFactory()->newFromName( $this->getArg( 0 ) );
		$hash = $this->getPrimaryDB()->newSelectQueryBuilder()
			->select( 'user_password' )->from( 'user' )->where( [ 'user_id' => $user->getId() ] )
			->caller( __METHOD__ )->fetchField();
		if ( $hash === false ) {
			$this->fatalError( "there is no account {$user->getName()}" );
		}
		if ( $this->getServiceContainer()->getPasswordFactory()->newFromCiphertext( $hash )->verify( $password ) ) {
			return;
		}
		$status = $user->changeAuthenticationData( [
			'username' => $user->getName(), 'password' => $password, 'retype' => $password,
		] );
		if ( !$status->isGood() ) {
			$this->fatalError( $status );
		}
		$this->output( "password of {$user->getName()} changed\n" );
	}
}

return FarmAdministrator::class;
