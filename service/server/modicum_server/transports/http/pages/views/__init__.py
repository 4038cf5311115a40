"""What each page shows. A module has the pages of one noun: functions of a visit, and `PAGES`, which lists them."""
