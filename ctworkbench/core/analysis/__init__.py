"""Statistics of a cohort's regional volumes."""
