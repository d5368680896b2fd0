<?php
/** Fills the text index from all pages. Unlike MediaWiki's own script it leaves the index in place meanwhile. */

require_once MW_INSTALL_PATH . '/maintenance/rebuildtextindex.php';

class FarmSearchIndex extends RebuildTextIndex {
	public function execute() {
		$this->populateSearchIndex();
	}
}

// Under this name: the file above has put its own class here.
$maintClass = FarmSearchIndex::class;
