"""The grammar of requests and answers, by XNAT's nouns."""
