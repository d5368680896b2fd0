<?php
/**
 * MediaWiki's search in MariaDB, made fit for InnoDB and for Russian.
 *
 * MediaWiki writes each non-Latin letter as six Latin ones ("u8d0b0"), because old servers did not know UTF-8. InnoDB
 * leaves out words of more than 84 letters (innodb_ft_max_token_size, which can't be raised): 14 Russian ones, so that
 * nobody would find "администрирование". Here words stay as they are, in columns that are utf8mb4.
 *
 * InnoDB also leaves out words of less than three letters and its list of stopwords, and then finds nothing at all for
 * a query that demands one of them, such as "и" in "чай и кофе". Those get a suffix, in the index and in the query.
 */
class FarmSearch extends SearchMySQL {
	/** Makes a word long enough and none of the stopwords. No word ends so by itself. */
	private const SUFFIX = 'qzx';

	/** innodb_ft_min_token_size is 3 by default. */
	private const TOO_SHORT = 2;

	/** INFORMATION_SCHEMA.INNODB_FT_DEFAULT_STOPWORD, those of them that are not too short anyway. */
	private const STOPWORDS = [
		'about', 'are', 'com', 'for', 'from', 'how', 'that', 'the', 'this', 'und', 'was', 'what', 'when', 'where',
		'who', 'will', 'with', 'www',
	];

	/** Text as it goes into the index, and a word of a query: letters, digits and single spaces. */
	public function normalizeText( $string ) {
		// Marks that have not melted into their letter are stress marks: "до́ма" is found as "дома".
		$text = preg_replace( [ '/\p{Mn}+/u', '/[^\p{L}\p{N}_]+/u' ], [ '', ' ' ], mb_strtolower( $string ) );
		$words = preg_split( '/ /', $text, -1, PREG_SPLIT_NO_EMPTY );
		return implode( ' ', array_map(
			static fn ( $word ) => mb_strlen( $word ) <= self::TOO_SHORT || in_array( $word, self::STOPWORDS, true )
				? $word . self::SUFFIX
				: $word,
			$words
		) );
	}

	/**
	 * A query with nothing in it that InnoDB's parser refuses: words, "phrases", word* and -word. The hyphen of
	 * "веб-сайт" joins two words; MediaWiki alone would read it as "веб, and not сайт".
	 */
	protected function filter( $text ) {
		return trim( preg_replace(
			[
				'/\p{Mn}+/u',
				'/[^\p{L}\p{N}_"*-]+/u',
				'/(?<![\p{L}\p{N}_])\*|\*(?=\*)/u',
				'/(?<=[^\s])-|-(?![\p{L}\p{N}_"])/u',
				'/"[ *-]*"/',
			],
			[ '', ' ', ' ', ' ', ' ' ],
			$text
		) );
	}
}
